# kind: call
# must: pass
# why: numpy, with its own threads and large arrays
# task: double_all
import numpy as np


def double_all(items):
    matrix = np.ones((300, 300))
    assert (matrix @ matrix)[0, 0] == 300
    return [int(item) for item in np.array(items, dtype=int) * 2]
