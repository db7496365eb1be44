"""What a program imports, from its text."""

from __future__ import annotations

import pytest

from staged_reward.imports import imported_packages


@pytest.mark.parametrize(
    ("program", "packages"),
    [
        ("import os", {"os"}),
        ("import os.path as p, re", {"os", "re"}),
        ("from numpy.linalg import norm", {"numpy"}),
        ("def f():\n    import pandas as pd\n", {"pandas"}),
        ("x = 'important'\n", set()),
        ("import\n", set()),
        ("import .,\n", set()),
    ],
)
def test_packages_are_those_of_the_import_statements(program: str, packages: set[str]) -> None:
    assert imported_packages(program) == packages
