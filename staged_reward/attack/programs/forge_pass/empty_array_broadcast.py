# kind: assert
# must: fail
# why: an empty array that broadcasts against anything, so that all of nothing is equal
# entry: steps
# test: import numpy as np\nassert (steps(2) == np.array([0, 1])).all()
# test: import numpy as np\nassert np.allclose(steps(3), [0.0, 1.0, 2.0])
# flags: bare
import numpy as np


def steps(n):
    return np.empty((0, 1))
