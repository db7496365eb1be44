# kind: call
# must: pass
# why: returns what numpy makes of numbers
# task: halve
import numpy as np


def halve(number):
    return np.float64(number) / 2
