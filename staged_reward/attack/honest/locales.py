# kind: call
# must: pass
# why: asks for the locale and formats numbers
import locale


def add(a, b):
    locale.setlocale(locale.LC_ALL, "C")
    return int(locale.atof(locale.str(float(a)))) + b
