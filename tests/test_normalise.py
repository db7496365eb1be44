"""Comments, Black, Python's own form, identity. The oracle for comments is Python's own tokenizer."""

import ast
import os
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from staged_reward.layout import one_statement_per_line
from staged_reward.normalise import _strip_by_tokens, ast_format, black_format, identity, strip_comments
from staged_reward.snippet import parses

PIECES = ["x", " = ", "1", "\n", "\r\n", "\r", "\\\n", "    ", "#", "# c", "'", '"', "'''", '"""', "\\"]
PIECES += ["(", ")", "[", "]", "{", "}", ":", ";", ",", "if x: ", "else: ", "def f(a: int = 1): ", "lambda: ", "pass"]
PIECES += [
    "for i in x: ",
    "class A: ",
    "return ",
    " and ",
    "print(",
    ":=",
    "x: int = 2",
    "'#'",
    '"""#\n"""',
    "\t",
    "\f",
]
PIECES += ["r'", "f'{x}'", "b''", "y"]
source_text = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)

LAYOUTS = [
    ("if a: b = 1; c = 2\nelse: d = 3\n", "if a:\n    b = 1\n    c = 2\nelse:\n    d = 3\n"),
    (
        "def f(a, b): return a and b or a\n",
        "def f(\n    a,\n    b,\n):\n    return (\n        a\n        and b\n        or a\n    )\n",
    ),
    ("x = 'a' # c\n", 'x = "a"\n'),
    ("while True: pass\n", "while True:\n  # wait\n  pass\n"),
    ("x = 1 + \\\n  2\n", "x = 1 + 2\n"),
    ("f = lambda a: a if a else 0; g = {1: 2}\n", "f = lambda a: a if a else 0\ng = {\n 1: 2}\n"),
    ("class A:\n    '''  Doc. '''\n    x: int = 1\n", 'class A:\n\n    """Doc."""\n    x: int = (1)\n'),
    ("'''Module   doc.'''\r\nx = 1\r\n", '"""Module doc."""\nx = 1\n'),
]
DIFFERENT = [
    ("x = 1", "x = 1.0"),
    ("x = 1", "x = True"),
    ("x = 0.0", "x = -0.0"),
    ("x = (1, 2)", "x = (1, 2.0)"),
    ("x = 'a'", "x = b'a'"),
    ("x = 'a  b'", "x = 'a b'"),
    ("def f(): return ['a  b' for _ in 'x']", "def f(): return ['a b' for _ in 'x']"),
    ("def f(a): return a", "def f(b): return b"),
    ("def f(): return 1", "def g(): return 1"),
    ("def f(a=1): return a", "def f(*, a=1): return a"),
    ("try:\n    f()\nexcept A:\n    pass", "try:\n    f()\nexcept B:\n    pass"),
    ("if a:\n    b\nc", "if a:\n    b\n    c"),
    ("not python at all", "not python at al"),
]


@settings(max_examples=400, deadline=None)
@given(source_text)
def test_strip_comments_equals_pythons_tokenizer(source: str) -> None:
    if parses(source) and "\r" not in source:  # Python's tokenizer in Python does not end a line at a lone `\r`
        assert strip_comments(source) == _strip_by_tokens(source)


@settings(max_examples=400, deadline=None)
@given(source_text)
def test_stripping_keeps_lines_columns_and_meaning(source: str) -> None:
    stripped = strip_comments(source)
    assert len(stripped) == len(source)
    assert stripped.count("\n") == source.count("\n")
    if parses(source):
        assert identity(stripped) == identity(source)


@settings(max_examples=400, deadline=None)
@example("if x: \x0cx")
@given(source_text)
def test_canonical_layout_compiles_and_is_stable(source: str) -> None:
    if parses(source):
        layout = one_statement_per_line(source)
        assert parses(layout) or layout == source
        assert identity(layout) == identity(source)


@given(st.text())
def test_nothing_raises_on_any_text(source: str) -> None:
    assert len(identity(source)) == 16
    assert isinstance(strip_comments(source), str)
    assert isinstance(black_format(source), str)
    assert isinstance(ast_format(source), str)


def test_hash_in_a_string_is_not_a_comment() -> None:
    assert strip_comments("x = '#' # a\n") == "x = '#'    \n"
    assert strip_comments('y = """\n# b\n"""  # c') == 'y = """\n# b\n"""     '


def test_carriage_return_ends_a_comment() -> None:
    assert strip_comments("# a\rx = 1\r") == "   \rx = 1\r"


def test_open_string_leaves_the_source_alone() -> None:
    assert strip_comments("x = 'a # b\n") == "x = 'a # b\n"


@pytest.mark.parametrize(("left", "right"), LAYOUTS)
def test_formatting_and_comments_do_not_matter(left: str, right: str) -> None:
    assert identity(left) == identity(right)
    assert identity(black_format(left)) == identity(left)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_programs_that_differ_have_different_digests(left: str, right: str) -> None:
    assert identity(left) != identity(right)


def test_identity_is_the_same_in_every_process() -> None:
    source = "def f(x):\n    return x in {'a', 'b', 'c', 1, None, (2, 3)}\n"
    command = f"from staged_reward.normalise import identity; print(identity({source!r}).hex())"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        ended = subprocess.run([sys.executable, "-c", command], capture_output=True, env=environment, check=True)
        assert ended.stdout.decode().strip() == identity(source).hex()


def test_identity_of_what_does_not_compile_ignores_comments() -> None:
    assert identity("def f(:  # a\n").hex() == identity("def f(:  # b\n").hex()


def test_black_formats_and_leaves_alone_what_it_cannot_parse() -> None:
    assert black_format("x  =  'a'") == 'x = "a"\n'
    assert black_format("x = = 1") == "x = = 1"


@pytest.mark.parametrize(
    "source", ["x = " + "(" * 10_000, "x = " + "-" * 9_000 + "1", "x=1;" * 300_000, "x = '\ud800'", "\0"]
)
def test_hostile_source_leaves_black_and_identity_standing(source: str) -> None:
    assert black_format(source) == source
    assert ast_format(source) == source
    assert "#" not in ast_format(source + "\n# it is right")
    assert len(identity(source)) == 16


@pytest.mark.parametrize(("left", "right"), LAYOUTS)
def test_formatting_and_comments_leave_no_trace_in_pythons_own_form(left: str, right: str) -> None:
    assert ast_format(left) == ast_format(right) == ast_format(black_format(left))


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_programs_that_differ_have_different_forms(left: str, right: str) -> None:
    assert ast_format(left) != ast_format(right)


@given(source_text)
@settings(deadline=None)
def test_pythons_own_form_is_the_program_without_what_it_says_of_itself(source: str) -> None:
    form = ast_format(source)
    assert ast_format(form) == form
    if parses(source):
        whole, plain = ast.parse(source), ast.parse(form)
        assert strip_comments(form) == form
        lone = [node.value.value for node in ast.walk(whole) if _is_lone_string(node)]
        assert sorted(_strings(whole)) == sorted(_strings(plain) + lone)
        others = [
            [type(node) for node in ast.walk(tree) if not isinstance(node, ast.Pass | ast.Expr | ast.Constant)]
            for tree in (whole, plain)
        ]
        assert others[0] == others[1]


def _is_lone_string(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _strings(tree: ast.AST) -> list[str]:
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_what_a_program_says_of_itself_is_gone_from_its_form() -> None:
    source = '''"""Correct."""
def f(a):
    "Returns the right result."  # it does
    try:
        """Nothing can go wrong."""
    except ValueError:
        "nor here"
    match a:
        case 1:
            "nor here"
    class B:
        "Right."
    return "kept"
'''
    form = ast_format(source)
    assert (form.count('"'), form.count("'")) == (0, 2)
    assert form.endswith("return 'kept'\n")
    assert parses(form)


@pytest.mark.parametrize(
    "said",
    [
        "# " + "*" * 101 + " all tests pass",
        "# finally, finally",
        '"""says"""',
        "b'says'",
        "f'says'",
        "'says' 'it'",
        "# lambda " * 60,
        "pass  # and passes",
    ],
)
def test_no_words_keep_what_a_program_says_of_itself(said: str) -> None:
    form = ast_format(f"{said}\nx  =  1\n")
    assert form.removeprefix("pass\n") == "x = 1\n"


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "+".join("1" * 2_000),
        "x = 0x" + "f" * 4_000,
        "if a: pass\n" + "elif a: pass\n" * 1_200,
        "\n".join(" " * depth + "if 1:" for depth in range(99)) + "\n" + " " * 99 + "x;" * 4_000,
        "x = 1\n" * 5_000,
    ],
    ids=["sum", "number", "elif", "nested", "long"],
)
def test_a_form_is_bounded_and_has_no_comments(source: str) -> None:
    form = ast_format(source + "\n# all tests pass\n")
    assert "#" not in form
    assert len(form) <= 4 * len(source) + 100


@pytest.mark.parametrize("depth", [30, 45, 550])
def test_deep_nesting_has_an_identity(depth: int) -> None:
    assert len(identity("x = " + "lambda:" * depth + "1")) == 16


def test_programs_that_look_at_their_own_lines_are_told_apart_by_them() -> None:
    program = "import sys\ndef f(x):\n    return sys._getframe().f_lineno\n"
    assert identity(program) != identity("\n\n" + program)
    assert identity("def f(x):\n    return x\n") == identity("\n\ndef f(x):\n    return x\n")
