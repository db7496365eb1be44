"""What a program imports, from its text."""

from __future__ import annotations

import pytest

from staged_reward.imports import imported_packages, is_third_party, missing_import
from staged_reward.problem import CallTest, Problem
from staged_reward.verifier import StagedVerifier


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
        ("import .x\nimport a, .b", {"a"}),
    ],
)
def test_packages_are_those_of_the_import_statements(program: str, packages: set[str]) -> None:
    assert imported_packages(program) == packages


@pytest.mark.parametrize(
    "program",
    [
        "import missing_package",
        "import os, missing_package.part as p\n",
        "from missing_package.part import *",
        "'''Doc.'''\nX = 1\nimport json\ndef f(x: list[int] = [], *, y=None) -> int:\n    return x\n"
        "import missing_package\n1/0",
    ],
)
def test_a_missing_package_at_the_top_is_found(program: str) -> None:
    assert missing_import(program) == "missing_package"


@pytest.mark.parametrize(
    "program",
    [
        "import json, os.path\nfrom collections import deque",
        "def f():\n    import missing_package",
        "try:\n    import missing_package\nexcept ImportError:\n    pass",
        "if False:\n    import missing_package",
        "print()\nimport missing_package",
        "import sys\nsys.modules['missing_package'] = sys\nimport missing_package",
        "x = __import__('sys').modules\nimport missing_package",
        "@print\ndef f(): pass\nimport missing_package",
        "def f(x=print()): pass\nimport missing_package",
        "class C:\n    print()\nimport missing_package",
        "from . import missing_package",
        "from .missing_package import x",
        "'import missing_package'",
        "import missing_package +",
        "import solution",
        "import .missing_package",
        "",
    ],
)
def test_what_may_succeed_is_left_to_the_sandbox(program: str) -> None:
    assert missing_import(program) is None


def test_what_is_said_without_a_run_is_what_a_run_says() -> None:
    problem = Problem(task_id="p", entry_point="f", tests=(CallTest((1,), expected=1),))
    source = "import missing_package.part\ndef f(x): return x\n"
    with StagedVerifier((), full=True, workers=1) as verifier:
        said, seen = verifier.verify([problem] * 2, [source, "if True:\n    " + source])
    assert (said.verdict, said.detail, said.tests_run) == (seen.verdict, seen.detail, seen.tests_run)
    assert said.verdict == "runtime_error"


def test_third_party_packages_are_those_that_are_there_and_not_pythons_own() -> None:
    assert is_third_party("numpy")
    assert not is_third_party("json")
    assert not is_third_party("missing_package")
