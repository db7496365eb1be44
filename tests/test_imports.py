"""What a program imports, from its text."""

from __future__ import annotations

import pytest

from staged_reward.imports import imported_packages, imports_third_party


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


def test_standard_library_is_not_third_party() -> None:
    assert not imports_third_party("import os, re\nfrom typing import List\n")
    assert imports_third_party("import os\nimport numpy as np\n")
