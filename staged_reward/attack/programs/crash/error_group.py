# kind: call
# must: fail
# why: a group of exceptions that are no errors
def add(a, b):
    raise BaseExceptionGroup("many", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()])
