"""Joins a prompt that opens a function (HumanEval) with the rest that a model wrote.

Models lose the indentation of the first line, or of all lines by the same amount; both are put right. A prompt that ends
within a line, as after `return`, is gone on with in that line where that gives a program. What follows the
function is kept where the whole parses, and cut back to the longest prefix of whole top-level statements that parses
where not: prose, or a next function that generation cut off. A broken body of the function itself stays broken, so
that its verdict is `syntax_error`.
"""

from __future__ import annotations

import functools
import re

from staged_reward.snippet import defines, parsable_prefix, parses

_INDENT = re.compile(r"[ \t]*")
_DEFINED = re.compile(r"^(?:(?:async +)?def|class) +(\w+)", re.MULTILINE)
_TOP_LEVEL = re.compile(r"(?:async +def|def|class|import|from|if +__name__)\b|[@#]")


@functools.lru_cache(maxsize=256)
def opened_name(prompt: str, name: str | None) -> str | None:
    """The name that the prompt opens: `name`, or its last definition. None where the prompt heads no program."""
    if name is None:
        names = _DEFINED.findall(prompt)
        name = names[-1] if names else None
    if name is None or not defines(prompt, name):
        return None
    body = prompt.rstrip() + "\n" + _body_indent(prompt) + "pass\n"
    return name if parses(prompt) or parses(body) else None


def join(prompt: str, text: str) -> str:
    """The program that `text` makes of `prompt`; does not parse when nothing helps."""
    candidates = [prompt + text] if _ends_within_line(prompt) else []
    candidates += [_join_plain(prompt, variant) for variant in _variants(text, _body_indent(prompt))]
    for candidate in candidates:
        if parses(candidate):
            return candidate
    least = len(prompt.rstrip())
    for candidate in candidates:
        prefix = parsable_prefix(candidate)
        if len(prefix.rstrip()) > least:
            return prefix
    return candidates[0]


def _ends_within_line(prompt: str) -> bool:
    """Whether the text may go on in the prompt's last line, as after `return`; a comment would swallow it."""
    return bool(prompt) and not prompt.endswith(("\n", "\r")) and "#" not in prompt.splitlines()[-1]


def _join_plain(prompt: str, text: str) -> str:
    glue = "" if prompt.endswith("\n") or text[:1] in ("\n", "\r") or not prompt else "\n"
    return prompt + glue + text


def _variants(text: str, indent: str) -> list[str]:
    """The text with its indentation put right in all ways that make sense, most likely first."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return [text]
    have = _leading(lines[first])
    if have == indent or (not have and _TOP_LEVEL.match(lines[first])):
        return [text]
    head, tail = lines[:first], lines[first + 1 :]
    only_first = "".join([*head, indent + lines[first].lstrip(" \t"), *tail])
    all_lines = "".join([*head, *(_shift(line, have, indent) for line in lines[first:])])
    return [all_lines, only_first, text] if have else [only_first, all_lines, text]


def _shift(line: str, have: str, indent: str) -> str:
    if not line.strip():
        return line
    return indent + line[len(have) :] if line.startswith(have) else indent + line.lstrip(" \t")


def _leading(line: str) -> str:
    match = _INDENT.match(line)
    return match.group() if match else ""


def _body_indent(prompt: str) -> str:
    """Indentation of the body that the prompt has opened: that of its last line, or one step more after a colon."""
    lines = [line for line in prompt.splitlines() if line.strip()]
    if not lines:
        return ""
    last = lines[-1]
    return _leading(last) + ("    " if last.rstrip().endswith(":") else "")
