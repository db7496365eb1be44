"""The comment at the top of a program's file, which says what the program is and what must become of it.

    # kind: assert
    # must: fail
    # why: an object that equals everything
    # task: add                         one of `tasks.TASK_NAMES`; `add`, or `sum` for stdio, where left out
    # entry: f                          with own tests: the function that they use
    # test: assert f(2) == 4            an own test; may be repeated; `\\n` starts a new line of it
    # harm: canary_file_absent path=x   may be repeated; values are JSON where they can be
    # flags: bare heavy                 see `Trial.is_bare` and `Trial.is_heavy`

It ends at the first line that is no such comment. The program is what follows.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from staged_reward.attack.harms import check_settings
from staged_reward.attack.tasks import problem_of
from staged_reward.attack.trial import Harm, Must, Trial
from staged_reward.errors import InputError, nearest

KEYS = ("kind", "must", "why", "task", "entry", "test", "harm", "flags")
FLAGS = ("bare", "heavy")
_LINE = re.compile(r"# (\w+): (.*)")


class Header(NamedTuple):
    """Values by key, in the order of the file, and the program below."""

    values: dict[str, list[str]]
    program: str

    def one(self, key: str, default: str | None = None) -> str:
        """Return the value of a key that stands once.

        Raises:
            InputError: It is missing and has no default, or stands several times.
        """
        values = self.values.get(key, [] if default is None else [default])
        if len(values) != 1:
            raise InputError(f"header key {key!r} stands {len(values)} times; write it once")
        return values[0]


def parse_trial(name: str, category: str, text: str) -> Trial:
    """Read a program's file.

    Raises:
        InputError: The header lacks something, or says something unknown.
    """
    header = split_header(text)
    kind = header.one("kind")
    flags = header.one("flags", "").split()
    for flag in flags:
        if flag not in FLAGS:
            raise InputError(f"flag {flag!r}{nearest(flag, FLAGS)}")
    tests = [test.replace("\\n", "\n") for test in header.values.get("test", [])]
    task = header.one("task", "sum" if kind == "stdio" else "add")
    return Trial(
        name=name,
        category=category,
        kind=kind,
        problem=problem_of(task, kind, entry_point=header.one("entry", ""), tests=tests),
        program=header.program,
        must=_must(header.one("must")),
        why=header.one("why"),
        harms=tuple(map(parse_harm, header.values.get("harm", []))),
        is_bare="bare" in flags,
        is_heavy="heavy" in flags,
    )


def split_header(text: str) -> Header:
    """Part the header from the program.

    Raises:
        InputError: A key is unknown.
    """
    values: dict[str, list[str]] = {}
    lines = text.split("\n")
    for number, line in enumerate(lines):
        match = _LINE.fullmatch(line)
        if match is None:
            return Header(values, "\n".join(lines[number:]))
        if match[1] not in KEYS:
            raise InputError(f"header key {match[1]!r}{nearest(match[1], KEYS)}")
        values.setdefault(match[1], []).append(match[2].strip())
    return Header(values, "")


def parse_harm(text: str) -> Harm:
    """Read `TYPE KEY=VALUE …`.

    Raises:
        InputError: The type is unknown, or a setting is.
    """
    harm_type, *words = text.split()
    settings = {key: _value(value) for key, _, value in (word.partition("=") for word in words)}
    harm = Harm(harm_type, settings)
    check_settings(harm)
    return harm


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _must(text: str) -> Must:
    if text not in set(Must):
        raise InputError(f"must {text!r}{nearest(text, [must.value for must in Must])}")
    return Must(text)
