"""Completion → program: finds the source code in what a model wrote. Text in, text out; no verdict, nothing is run.

The rules, in order (a leading byte order mark is kept only by the second):

1. Chat messages: the last one with the role `assistant`; its text parts are joined.
2. Text that is a program as it stands is returned byte for byte.
3. Reasoning goes: what stands between `<think>` and `</think>`; all that follows a start without an end; all that
   precedes an end without a start.
4. Fenced blocks, if any is Python or names no language. A fence that never ends runs to the end (generation was cut).
   Of several blocks: the last one that defines the entry point, because models draft first and correct themselves
   later, and the usage examples that follow define nothing. Blocks before it that only provide imports or functions
   which it mentions are put in front. If none defines the entry point: the last one that continues the prompt; else
   all joined, if they parse together; else the last that is a program. Without an entry point: the last that defines
   a function or class, else the last that is a program.
5. No fences: a continuation, where the prompt opens the entry point and the text does not define it
   (`continuation.py`). Else the longest run of whole top-level statements, from a line that looks like one on, that is
   a program; so prose around code goes, and so does a last function that was cut off.

A program is text that compiles and does something. `Sorry`, `yes` and `42` compile, but text without a definition, an
import, an assignment, a call or a loop can pass no test: it is prose, and prose is no code. Text with a line that looks
like a statement but that does not compile anywhere is returned, so that its verdict is `syntax_error`.

Imports that stand only in the prompt are not added to a program that defines the entry point itself.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from staged_reward.continuation import join, opened_name
from staged_reward.fences import Block, blocks
from staged_reward.snippet import (
    defines,
    first_statement,
    is_program,
    parsable_prefix,
    parses,
    provided_names,
    statement_starts,
)

_MAX_STARTS = 24
_THINK = re.compile(r"<(/?)think(?:ing)?>")


def extract(completion: str | list[dict[str, Any]], *, prompt: str = "", entry_point: str | None = None) -> str | None:
    """Return the program in a completion, or None where there is no code. Never raises on any text.

    Args:
        completion: Text, or chat messages with `role` and `content` (text, or a list of `{"type": "text", "text":
            ...}`).
        prompt: What the model was shown; needed where completions continue it.
        entry_point: As in `Problem`. Its first name decides which block is the program.
    """
    text = completion if isinstance(completion, str) else _last_answer(completion)
    if not text.strip():
        return None
    match = re.match(r"\w+", entry_point or "")
    name = match.group() if match else None
    opened = opened_name(prompt, name)
    if _stands_alone(text, name, opened):
        return text
    text = _without_reasoning(text.removeprefix("\ufeff"))
    fenced = [block for block in blocks(text) if block.is_python and block.code.strip()]
    if fenced:
        return _from_blocks(text, fenced, prompt, name, opened)
    return _from_plain(text, prompt, name, opened)


def _last_answer(messages: Sequence[dict[str, Any]]) -> str:
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == "assistant":
            return _content(message.get("content"))
    return ""


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(text for text in texts if isinstance(text, str))


def _stands_alone(text: str, name: str | None, opened: str | None) -> bool:
    if "</think" in text or "```" in text or "~~~" in text:
        return parses(text) and is_program(text) and (name is None or defines(text, name))
    if opened is not None and not defines(text, opened):
        return False
    return is_program(text.removeprefix("\ufeff"))


def _without_reasoning(text: str) -> str:
    kept: list[str] = []
    start, depth = 0, 0
    for match in _THINK.finditer(text):
        if not match.group(1):
            if not depth:
                kept.append(text[start : match.start()])
            depth = 1
        else:
            if not depth:
                kept.clear()
            start, depth = match.end(), 0
    return "".join(kept) + ("" if depth else text[start:])


def _from_blocks(text: str, fenced: list[Block], prompt: str, name: str | None, opened: str | None) -> str | None:
    codes = [_dedent(block.code) for block in fenced]
    if name is not None:
        for number in reversed(range(len(codes))):
            if defines(codes[number], name):
                return _with_providers(codes[:number], codes[number], name)
    if opened is not None:
        return _continued(text[: fenced[0].start], [block.code for block in fenced], prompt)
    if name is not None and len(codes) > 1 and parses(joined := _stack(codes)) and is_program(joined):
        return joined
    best = [code for code in codes if provided_names(code)] or [code for code in codes if is_program(code)]
    best = best or [code for code in codes if first_statement(code) is not None]
    return best[-1] if best else None


def _continued(before: str, codes: list[str], prompt: str) -> str:
    """The prompt and its continuation: the text before the first fence if it is indented code, else the last block."""
    lead = before.lstrip("\r\n")
    if lead[:1] in (" ", "\t") and parses(program := join(prompt, before)):
        return program
    programs = [join(prompt, code) for code in codes]
    return next((program for program in reversed(programs) if parses(program)), programs[-1])


def _with_providers(earlier: list[str], code: str, name: str) -> str:
    """Put blocks in front that provide what `code` mentions and does not define itself."""
    words = set(re.findall(r"\w+", code))
    own = provided_names(code)
    needed: list[str] = []
    for block in reversed(earlier):
        provided = provided_names(block)
        if provided & (words - own) and name not in re.findall(r"\w+", block) and parses(block):
            needed.insert(0, block)
            own |= provided
            words |= set(re.findall(r"\w+", block))
    return _stack([*needed, code]) if needed else code


def _stack(codes: list[str]) -> str:
    return "\n\n".join(code.rstrip() for code in codes) + "\n"


def _dedent(code: str) -> str:
    """Take the indentation of the first line off all lines, where that makes it a better program."""
    if not code.lstrip("\r\n")[:1].isspace():
        return code
    shifted = textwrap.dedent(code)
    return shifted if shifted[:1] != code[:1] or parses(shifted) else code


def _from_plain(text: str, prompt: str, name: str | None, opened: str | None) -> str | None:
    if is_program(text) and (name is None or opened is None or defines(text, name)):
        return text
    if opened is not None and not defines(text, opened):
        return join(prompt, text) if _looks_like_body(text) else None
    shifted = _dedent(text)
    if is_program(shifted):
        return shifted
    return _longest_piece(shifted, name)


def _looks_like_body(text: str) -> bool:
    """True for indented text, a statement, or text that is a suite once it is indented; False for prose."""
    lead = text.lstrip("\r\n")
    if lead[:1] in (" ", "\t") or first_statement(text) is not None:
        return bool(lead.strip())
    return re.search(r"^\s*(?:return|yield|raise|pass|if|for|while)\b.*$", text, re.MULTILINE) is not None


def _longest_piece(text: str, name: str | None) -> str | None:
    """The longest run of statements that is a program, from one of the first lines that look like statements.

    Text that begins with code is not shortened at its front, and not at its end either where statements would go and
    the entry point is not in what is left: that is a broken program, not prose.
    """
    starts = statement_starts(text, _MAX_STARTS)
    if not starts:
        return None
    if not text[: starts[0]].strip():
        starts = starts[:1]
    pieces = [(start, parsable_prefix(text[start:])) for start in starts]
    programs = [(start, piece) for start, piece in pieces if is_program(piece)]
    wanted = [piece for _, piece in programs if name is not None and defines(piece, name)]
    if wanted:
        return max(wanted, key=len)
    if programs and not (name is not None and defines(text, name)):
        start, piece = max(programs, key=lambda program: len(program[1]))
        if first_statement(text[start + len(piece) :]) is None:
            return piece
    return text[starts[0] :]
