"""Arrays that the program returned, as test code sees them. Trusted side.

An empty array broadcasts against any other, and all of nothing is true: `np.allclose(f(2), [0.0, 1.0])` holds for it.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

ARRAY_NAME = "StrictArray"


@functools.cache
def _array_class() -> Any:
    import numpy as np

    class StrictArray(np.ndarray):
        """An array that takes part in no operation with a longer one when it is empty."""

        def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **options: Any) -> Any:
            sizes = [np.size(value) for value in inputs if np.ndim(value)]
            if method == "__call__" and 0 in sizes and any(sizes):
                raise ValueError("an empty array and one that is not")
            return super().__array_ufunc__(ufunc, method, *map(_plain, inputs), **_plain_outputs(options))

        def __array_wrap__(self, array: Any, *rest: Any) -> Any:
            return array

    StrictArray.__name__ = ARRAY_NAME

    def _plain(value: Any) -> Any:
        return value.view(np.ndarray) if isinstance(value, StrictArray) else value

    def _plain_outputs(options: dict[str, Any]) -> dict[str, Any]:
        return {**options, "out": tuple(map(_plain, options["out"]))} if "out" in options else options

    return StrictArray


def strict(value: Any) -> Any:
    """Return an array as one that does not broadcast where that hides all of another; anything else as it is."""
    numpy = sys.modules.get("numpy")
    if numpy is None or type(value) is not numpy.ndarray or value.size:
        return value
    return value.view(_array_class())
