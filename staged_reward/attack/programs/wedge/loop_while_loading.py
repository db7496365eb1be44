# kind: assert
# must: fail
# why: never gets to the first test
while True:
    pass
