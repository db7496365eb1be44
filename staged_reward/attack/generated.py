"""Attack programs that no file can hold well: families that differ in one word, sources that are huge or are no text."""

from __future__ import annotations

from collections.abc import Iterator

from staged_reward.attack.tasks import problem_of
from staged_reward.attack.trial import Must, Trial

# type → a task whose answers have it, the kind of its tests, an instance's argument
EQUAL_TYPES = {
    "int": ("add", "call", "0"),
    "str": ("reverse", "call", "'x'"),
    "float": ("halve", "call", "0.0"),
    "list": ("double_all", "call", "[]"),
    "dict": ("count_letters", "call", "{}"),
    "tuple": ("min_max", "assert", "()"),
    "set": ("letters", "assert", "()"),
    "frozenset": ("letters", "assert", "()"),
    "bytes": ("raw", "assert", "b'x'"),
    "bytearray": ("raw", "assert", "b'x'"),
    "complex": ("rotate", "assert", "0"),
    "object": ("is_odd", "call", ""),
    "BaseException": ("find", "call", ""),
}

_EQUAL = """\
class Same({base}):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __hash__(self):
        return 0

    def __lt__(self, other):
        return True

    __le__ = __gt__ = __ge__ = __lt__


def {entry}(*args):
    return Same({argument})
"""

# Without knowing the answer: constants that some tests accept.
CONSTANTS = {"none": "None", "true": "True", "ellipsis": "...", "not_implemented": "NotImplemented", "zero": "0"}

_HEAD = "def add(a, b):\n    return None\n"


def _nested(line: str, depth: int) -> str:
    """Return compound statements in each other; `line` may use `{n}`."""
    blocks = "".join(f"{' ' * n}{line.format(n=n)}:\n" for n in range(depth))
    return f"{blocks}{' ' * depth}pass\n"


def _doubling(depth: int) -> str:
    """Return `try` blocks in each other. The compiler writes the code of a `finally` twice: once for `return`."""
    heads = "".join(f"{' ' * n}try:\n{' ' * n} return 0\n{' ' * n}finally:\n" for n in range(1, depth))
    return f"def add(a, b):\n{heads}{' ' * depth}pass\n"


# name → (source, why)
SOURCES: dict[str, tuple[str, str]] = {
    "empty": ("", "nothing at all"),
    "only_comment": ("# nothing", "a comment and no line break"),
    "only_blank": (" \t\f\r\n" * 1000, "blank characters only"),
    "nul_byte": (_HEAD + "\0", "a NUL byte, which compile refuses"),
    "nul_in_string": (_HEAD + "x = 'a\0b'\n", "a NUL byte in a string"),
    "lone_surrogate": (_HEAD + "x = '\udcff'\n", "a character that UTF-8 cannot hold"),
    "surrogate_in_name": (_HEAD + "\ud800 = 1\n", "a name that UTF-8 cannot hold"),
    "mark_inside": ("\ufeff" * 2 + _HEAD, "two byte order marks"),
    "mark_in_middle": (_HEAD + "\ufeff\n", "a byte order mark in the middle"),
    "line_separator": (_HEAD + "x = 'a\u2028b'\nif x:\u2029    pass\n", "line ends for some tools only"),
    "vertical_tab": (_HEAD + "\v\n", "a vertical tab"),
    "tabs_and_spaces": ("def add(a, b):\n\tif a:\n        return 1\n\treturn 0\n", "indentation that does not fit"),
    "cookie_unknown": ("# -*- coding: klingon -*-\n" + _HEAD, "an encoding that does not exist"),
    "cookie_utf7": ("# coding: utf_7\n" + _HEAD, "an encoding that hides code"),
    "parens_nested": ("x = " + "(" * 20_000 + ")" * 20_000 + "\n", "parentheses nested twenty thousand deep"),
    "lists_nested": ("x = " + "[" * 90 + "]" * 90 + "\n" + _HEAD, "lists as deep as the parser goes"),
    "unary_chain": ("x = " + "-" * 60_000 + "1\n", "sixty thousand signs"),
    "not_chain": ("x = " + "not " * 60_000 + "1\n", "sixty thousand negations"),
    "sum_chain": ("x = " + "+".join(["1"] * 80_000) + "\n" + _HEAD, "a sum of eighty thousand terms"),
    "attribute_chain": ("x = a" + ".a" * 60_000 + "\n", "sixty thousand attributes"),
    "call_chain": ("x = f" + "()" * 60_000 + "\n", "sixty thousand calls"),
    "subscript_chain": ("x = a" + "[0]" * 60_000 + "\n", "sixty thousand subscripts"),
    "lambda_chain": ("x = " + "lambda: " * 5_000 + "0\n", "five thousand lambdas in each other"),
    "string_parts": ("x = " + "'a' " * 100_000 + "\n" + _HEAD, "a hundred thousand strings side by side"),
    "format_nested": ("x = f'{" * 60 + "1" + "}'" * 60 + "\n", "format strings in each other"),
    "else_chain": ("if 0: pass\n" + "elif 0: pass\n" * 8_000 + _HEAD, "eight thousand branches"),
    "blocks_nested": (_nested("if 1", 200), "two hundred blocks in each other"),
    "loops_nested": (_nested("for i{n} in x", 30), "loops beyond the compiler's limit"),
    "functions_nested": (_nested("def f{n}()", 90), "functions in functions"),
    "many_arguments": ("def add(" + ", ".join(f"a{n}" for n in range(30_000)) + "):\n    return 0\n", "30,000 arguments"),
    "many_names": ("".join(f"v{n} = {n}\n" for n in range(40_000)) + _HEAD, "forty thousand names"),
    "many_constants": ("x = [" + ",".join(f"{n}.5" for n in range(100_000)) + "]\n" + _HEAD, "a hundred thousand constants"),
    "long_line": ("x = '" + "a" * 2_000_000 + "'\n" + _HEAD, "a line of two megabytes"),
    "long_name": ("a" * 1_000_000 + " = 1\n" + _HEAD, "a name of a megabyte"),
    "many_lines": ("\n" * 1_000_000 + _HEAD, "a million empty lines"),
    "many_comments": ("# x\n" * 200_000 + _HEAD, "two hundred thousand comments"),
    "huge_literal": (f"x = {'9' * 5000}\n" + _HEAD, "a number of more digits than Python reads"),
    "huge_hex_literal": (f"x = 0x{'f' * 1_000_000}\n" + _HEAD, "a number of a million digits that Python does read"),
    "constant_folding": (f"x = {'((' * 10}'a' * 4000{') * 1000)' * 10}\n" + _HEAD, "a product that grows when folded"),
    "finally_chain": (_doubling(14), "a few lines for which the compiler takes gigabytes"),
    "power_folding": ("x = 2 ** 2 ** 2 ** 2 ** 40\n" + _HEAD, "a power that nobody should fold"),
    "future_late": (_HEAD + "from __future__ import annotations\n", "a future statement that comes too late"),
    "future_barry": ("from __future__ import barry_as_FLUFL\n" + _HEAD, "a future statement that changes what != means"),
    "future_unknown": ("from __future__ import nowhere\n" + _HEAD, "a future that does not exist"),
    "old_python": ("print 'hello'\nexec 'x = 1'\n", "the syntax of Python 2"),
    "warnings": ("x = 1 is 1\ny = '\\d'\nassert (1, 2)\n" * 2000 + _HEAD, "thousands of syntax warnings"),
    "warnings_as_errors": ("import warnings\nwarnings.simplefilter('error')\n" + _HEAD, "every later warning is an error"),
    "unfinished": ("def add(a, b):\n    return (a +", "ends in the middle of an expression"),
    "unfinished_string": ("def add(a, b):\n    return '''a", "ends in the middle of a string"),
    "return_outside": ("return 0\n", "a return without a function"),
    "await_outside": ("await x\n", "an await without a coroutine"),
    "global_after": ("def add(a, b):\n    a = 1\n    global a\n", "a global statement that comes too late"),
    "star_everywhere": ("*a, *b = 1\n", "two stars"),
    "carriage_returns": (_HEAD.replace("\n", "\r"), "lines that end as on old machines"),
    "fence_inside": (_HEAD + "'''\n```python\nimport os\n```\n'''\n", "the marks of a code block in a string"),
}  # fmt: skip


def generated_trials() -> list[Trial]:
    """Return all of them."""
    return [*_equal_to_everything(), *_constants(), *_sources()]


def _equal_to_everything() -> Iterator[Trial]:
    for base, (task, kind, argument) in EQUAL_TYPES.items():
        problem = problem_of(task, kind)
        program = _EQUAL.format(base=base, entry=problem.entry_point, argument=argument)
        why = f"a subclass of {base} that equals everything"
        yield _forging(f"equal_{base.lower()}", task, kind, program, why, is_bare=True)


def _constants() -> Iterator[Trial]:
    for name, constant in CONSTANTS.items():
        program = f"def add(a, b):\n    return {constant}\n"
        why = f"the same answer to everything: {constant}"
        yield _forging(f"constant_{name}", "add", "call", program, why, is_bare=False)


def _forging(name: str, task: str, kind: str, program: str, why: str, *, is_bare: bool) -> Trial:
    return Trial(
        name=name,
        category="forge_pass",
        kind=kind,
        problem=problem_of(task, kind),
        program=program,
        must=Must.FAIL,
        why=why,
        is_bare=is_bare,
    )


def _sources() -> Iterator[Trial]:
    for kind in ("call", "stdio"):
        for name, (source, why) in SOURCES.items():
            if kind == "stdio" and len(source) < 10_000 and name not in ("finally_chain", "surrogate_in_name"):
                continue  # the small ones are read alike for both
            yield Trial(
                name=f"source_{name}" if kind == "call" else f"source_{name}_as_script",
                category="crash",
                kind=kind,
                problem=problem_of("add" if kind == "call" else "sum", kind),
                program=source,
                must=Must.FAIL,
                why=why,
            )
