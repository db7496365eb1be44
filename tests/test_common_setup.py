"""Which part of a setup a program may see: what it was written for, and nothing that it is judged by."""

from __future__ import annotations

import ast

import pytest

from staged_reward.sandbox.common_setup import CommonSetup

SETUP = """
import math
from typing import Optional as Maybe

class Node:
    size = math.pi
    def __init__(self, value, next: Maybe["Node"] = None):
        self.value, self.next = value, next

class Tree(Node):
    pass

class Oracle:
    def expected(self, x):
        return ANSWERS[x]

ANSWERS = {1: 2}

def check(f):
    assert f(1) == ANSWERS[1]
"""


def test_imports_and_the_classes_that_the_prompt_shows_are_common() -> None:
    common = CommonSetup.of(SETUP, "Given a Node of a Tree, …")
    assert common.classes == ("Node", "Tree")
    assert common.source.startswith("import math\nfrom typing import Optional as Maybe\nclass Node:")
    assert "ANSWERS" not in common.source
    rest = ast.parse(common.rest).body
    assert [getattr(node, "name", type(node).__name__) for node in rest] == [
        "Import", "ImportFrom", "Oracle", "Assign", "check",
    ]  # fmt: skip


@pytest.mark.parametrize("prompt", ["", "Nodes and Trees", "a Node_ of my_Node"])
def test_classes_that_the_prompt_does_not_show_stay_behind(prompt: str) -> None:
    common = CommonSetup.of(SETUP, prompt)
    assert common == (common.source, (), SETUP)
    assert common.source == "import math\nfrom typing import Optional as Maybe"


def test_a_class_that_needs_what_stays_behind_stays_too() -> None:
    assert CommonSetup.of(SETUP, "Oracle").classes == ()
    assert CommonSetup.of(SETUP, "Tree").classes == ()  # its base is not shown


def test_a_setup_without_either_is_left_alone() -> None:
    assert CommonSetup.of("x = 1", "x") == ("", (), "x = 1")
