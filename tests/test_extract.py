"""Completion → program, one rule after the other, and text that no model would write."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.extract import extract

PROMPT = 'from typing import List\n\n\ndef f(x: int) -> int:\n    """Add one.\n    >>> f(1)\n    2\n    """\n'
CODE = "def f(x):\n    return x\n"
DRAFT = "def f(x):\n    return 0\n"
BODY = "    return x + 1\n"


def fenced(code: str, tag: str = "python", mark: str = "```") -> str:
    return f"{mark}{tag}\n{code}{mark}\n"


CONTINUATIONS = [
    (BODY, PROMPT + BODY),
    ("return x + 1\n", PROMPT + BODY),
    ("  y = 1\n  return y\n", PROMPT + "    y = 1\n    return y\n"),
    ("        return x + 1\n", PROMPT + BODY),
    ("y = 1\n    return y\n", PROMPT + "    y = 1\n    return y\n"),
    ("y = 1\nreturn y\n", PROMPT + "    y = 1\n    return y\n"),
    (BODY + "\nprint(f(1))\n", PROMPT + BODY + "\nprint(f(1))\n"),
    (BODY + "\n\ndef g(:\n    pass\n", PROMPT + BODY + "\n\n"),
    (BODY + "\nI hope this helps!\n", PROMPT + BODY + "\n"),
    (BODY + "```\nI hope this helps!\n", PROMPT + BODY),
    (fenced(BODY), PROMPT + BODY),
    (CODE, CODE),
]
WITHIN_A_LINE = [
    (PROMPT + "    return", " x + 1\n", PROMPT + BODY),
    (PROMPT + "    return", " x + 1\n\n\ndef g(y", PROMPT + BODY + "\n\n"),
    (PROMPT.rstrip(), BODY, PROMPT + BODY),
    (PROMPT.rstrip(), "return x + 1\n", PROMPT + BODY),
    (PROMPT + "    # one more", BODY, PROMPT + "    # one more\n" + BODY),
]
TEXTS = [
    ("fence", "Sure:\n" + fenced(CODE) + "Done.", CODE),
    ("no language", fenced(CODE, ""), CODE),
    ("py", fenced(CODE, "py"), CODE),
    ("Python3", fenced(CODE, "Python3"), CODE),
    ("tildes", fenced(CODE, "python", "~~~"), CODE),
    ("four ticks", fenced(CODE, "python", "````"), CODE),
    ("after a colon", "Code: ```python\n" + CODE + "```", CODE),
    ("unclosed", "```python\n" + CODE, CODE),
    ("draft, then answer", fenced(DRAFT) + "Better:\n" + fenced(CODE), CODE),
    ("answer, then usage", fenced(CODE) + fenced("print(f(1))\n"), CODE),
    ("answer, then output", fenced(CODE) + fenced("1\n", ""), CODE),
    ("shell first", fenced("pip install x\n", "bash") + fenced(CODE), CODE),
    ("json last", fenced(CODE) + fenced('{"f": 1}\n', "json"), CODE),
    ("imports apart", fenced("import math\n") + fenced("def f(x):\n    return math.pi\n"), None),
    ("list item", "1. Do:\n   ```python\n   def f(x):\n       return x\n   ```\n", CODE),
    ("windows line ends", fenced(CODE).replace("\n", "\r\n"), CODE.replace("\n", "\r\n")),
    ("prose around", "Sure! Here it is:\n\n" + CODE + "\nIt works because it does.", CODE + "\n"),
    ("thought", f"<think>\n{fenced(DRAFT)}</think>\n{fenced(CODE)}", CODE),
    ("thought without start", f"{fenced(DRAFT)}</think>\n{fenced(CODE)}", CODE),
    ("indented by a constant", "  def f(x):\n      return x\n", CODE),
]
NO_CODE = [
    "",
    " \n\t",
    "Sorry",
    "yes",
    "42",
    "'hi'",
    "I cannot do that.",
    "<think>\n" + fenced(CODE),
    fenced("ls\n", "bash"),
]
WHOLE = [
    CODE,
    "import sys\nprint(sys.stdin.read())",
    "\r\n" + CODE.replace("\n", "\r\n"),
    "\ufeff" + CODE,
    "def f(x):\n    '''\n```\nx\n```\n'''\n    return '</think>'\n",
    "# only f\n" + CODE + "\n\nassert f(1) == 1\n",
]
HOSTILE = [
    "`" * 100_000,
    "```\n" * 250_000,
    '~~~\n"""\n' * 100_000,
    "<think>" * 200_000,
    "a" * 10_000_000,
    "\n" * 5_000_000,
    CODE * 400_000,
    "(" * 20_000,
    "\ud800\0" * 1_000,
    "x = 1\n(\n" * 2_000,
    '"""' * 100_000,
]


@pytest.mark.parametrize(("completion", "program"), CONTINUATIONS)
def test_continuation_of_a_prompt(completion: str, program: str) -> None:
    assert extract(completion, prompt=PROMPT, entry_point="f") == program


@pytest.mark.parametrize(("prompt", "completion", "program"), WITHIN_A_LINE)
def test_a_prompt_that_ends_within_a_line_is_gone_on_with_in_it(prompt: str, completion: str, program: str) -> None:
    assert extract(completion, prompt=prompt, entry_point="f") == program


@pytest.mark.parametrize(("name", "completion", "program"), TEXTS, ids=[name for name, _, _ in TEXTS])
def test_program_in_text(name: str, completion: str, program: str | None) -> None:
    expected = program or "import math\n\ndef f(x):\n    return math.pi\n"
    assert extract(completion, entry_point="f") == expected
    assert extract(completion, prompt="Write f.", entry_point="f") == expected


@pytest.mark.parametrize("completion", NO_CODE)
def test_no_code_is_none(completion: str) -> None:
    assert extract(completion) is None
    assert extract(completion, prompt=PROMPT, entry_point="f") is None


@pytest.mark.parametrize("program", WHOLE)
def test_whole_program_comes_back_byte_for_byte(program: str) -> None:
    assert extract(program) == program


def test_fence_inside_a_docstring_does_not_end_the_block() -> None:
    code = 'def f(x):\n    """\n    ```\n    f(1)\n    ```\n    """\n    return x\n'
    assert extract(fenced(code), entry_point="f") == code
    assert extract(fenced('"""\n```\nf(1)\n```\n"""\n' + CODE), entry_point="f") == '"""\n```\nf(1)\n```\n"""\n' + CODE


def test_helper_in_an_earlier_block_is_kept() -> None:
    helper, code = "def g(x):\n    return x\n", "def f(x):\n    return g(x)\n"
    assert extract(fenced(helper) + fenced(code), entry_point="f") == "def g(x):\n    return x\n\n" + code


def test_code_that_does_not_compile_is_still_code() -> None:
    assert extract("def f(x):\n    return (x\n", entry_point="f") == "def f(x):\n    return (x\n"
    assert extract(fenced("def f(x)\n    return x\n"), entry_point="f") == "def f(x)\n    return x\n"


def test_entry_point_of_a_class_is_the_class() -> None:
    code = "class Solution:\n    def f(self):\n        return 1\n"
    assert extract(fenced(code) + fenced("Solution().f()\n"), entry_point="Solution().f") == code


def test_last_assistant_message_counts() -> None:
    messages = [
        {"role": "assistant", "content": DRAFT},
        {"role": "user", "content": "Again."},
        {"role": "assistant", "content": [{"type": "text", "text": "```\n"}, {"type": "text", "text": CODE}]},
    ]
    assert extract(messages) == CODE
    assert extract(messages[1:2]) is None
    assert extract([]) is None
    assert extract([{"role": "assistant", "content": None}]) is None


@pytest.mark.parametrize("completion", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_ends_in_time(completion: str) -> None:
    for arguments in ({}, {"prompt": PROMPT, "entry_point": "f"}):
        start = time.thread_time()
        extract(completion, **arguments)
        assert time.thread_time() - start < 3


@given(st.text(), st.text(), st.text(min_size=1))
def test_never_raises(completion: str, prompt: str, entry_point: str) -> None:
    extract(completion, prompt=prompt, entry_point=entry_point)


@given(
    st.lists(
        st.sampled_from(["```", "python", "\n", CODE, "<think>", "</think>", "text", "    ", "~~~", '"""', "\r\n"])
    )
)
def test_never_raises_on_fences(pieces: list[str]) -> None:
    program = extract("".join(pieces), entry_point="f")
    assert program is None or program.strip()


@pytest.mark.parametrize(
    "broken", ["def helper(x, x):\n    return x", "def helper():\n    nonlocal y", "def helper(:\n    return 1"]
)
def test_what_follows_a_program_and_does_not_compile_is_left_out(broken: str) -> None:
    program = "def add(a, b):\n    return a + b\n"
    for _ in range(2):  # what the compiler said once is known the second time
        found = extract(f"Here it is.\n{program}\n{broken}\n", entry_point="add")
        assert found is not None
        assert found.strip() == program.strip()
