"""Make easy problems with large suites: what a small language model solves sometimes, to see whether it learns.

    python -m staged_reward.examples.easy FOLDER [--tests 60] [--seed 1]

It writes `train.jsonl` and `held_out.jsonl`: functions over a list of numbers or a text, to be completed from their head and
docstring. A third of the problems is held out. Inputs are drawn, small ones first, so that the first test alone says little;
expected values are what the canonical solution returns.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

_SOLVED = '''def count_small_numbers(numbers):
    """Return how many numbers below 10 there are in a list."""
    return len([n for n in numbers if n < 10])


'''
"""Comes before every head, to show what is wanted."""

LARGEST = 20_000
"""Numbers in the longest list; a text has as many letters."""

_SELECTIONS = {
    "": ("numbers", "numbers"),
    "even_": ("even numbers", "[n for n in numbers if n % 2 == 0]"),
    "odd_": ("odd numbers", "[n for n in numbers if n % 2 == 1]"),
    "positive_": ("positive numbers", "[n for n in numbers if n > 0]"),
    "negative_": ("negative numbers", "[n for n in numbers if n < 0]"),
    "two_digit_": ("numbers from 10 to 99", "[n for n in numbers if 10 <= n <= 99]"),
}
_REDUCTIONS = {
    "sum_{}numbers": ("the sum of the {} in a list", "sum({})"),
    "count_{}numbers": ("how many {} there are in a list", "len({})"),
    "largest_of_{}numbers": ("the largest of the {} in a list, or 0 if there are none", "max({}, default=0)"),
    "list_{}squares": ("the squares of the {} in a list, in their order", "[n * n for n in {}]"),
    "sorted_{}numbers": ("the {} in a list, in ascending order", "sorted({})"),
}
_TEXTS = {
    "reverse_text": ("the text backwards", "text[::-1]"),
    "upper_text": ("the text in upper case", "text.upper()"),
    "count_words": ("how many words there are in the text", "len(text.split())"),
    "count_vowels": ("how many of the letters a, e, i, o, u there are in the text", 'sum(c in "aeiou" for c in text)'),
    "longest_word": (
        "the longest word of the text, the first of equals, or an empty string",
        'max(text.split(), key=len, default="")',
    ),
    "remove_spaces": ("the text without its spaces", 'text.replace(" ", "")'),
    "first_letters": ("a list of the first letters of the words of the text", "[w[0] for w in text.split()]"),
    "count_letter_a": ("how often the letter a occurs in the text", 'text.count("a")'),
    "is_palindrome": ("whether the text reads the same backwards", "text == text[::-1]"),
    "distinct_letters": ("how many different letters, without the space, the text has", 'len(set(text) - {" "})'),
    "swap_ends": ("the words of the text in reverse order, joined by spaces", '" ".join(text.split()[::-1])'),
    "double_letters": ("the text with every character written twice", '"".join(c * 2 for c in text)'),
}


@dataclass(frozen=True)
class _Task:
    name: str
    argument: str
    meaning: str
    expression: str
    draw: Callable[[random.Random, int], Any]

    def row(self, num_tests: int, seed: int) -> dict[str, Any]:
        """Return the problem in the native schema."""
        head = f'def {self.name}({self.argument}):\n    """Return {self.meaning}."""\n'
        solution = f"{head}    return {self.expression}\n"
        namespace: dict[str, Any] = {}
        exec(solution, namespace)
        draw = random.Random(f"{self.name}/{seed}")
        sizes = [1 + LARGEST * place**2 // num_tests**2 for place in range(num_tests)]
        inputs = [self.draw(draw, size) for size in sizes]
        tests = [{"type": "call", "args": [value], "expected": namespace[self.name](value)} for value in inputs]
        return {
            "task_id": f"easy/{self.name}",
            "prompt": f"{_SOLVED}{head}    return",
            "entry_point": self.name,
            "solution": solution,
            "tests": tests,
        }


def _numbers(draw: random.Random, size: int) -> list[int]:
    return [draw.randint(-150, 150) for _ in range(size)]


def _text(draw: random.Random, size: int) -> str:
    if draw.random() < 0.2:  # palindromes are not left to luck
        half = "".join(draw.choices("abcdefgo ", k=(size + 1) // 2)).strip() or "a"
        return half + half[::-1]
    return "".join(draw.choices("abcdefghiklmnoprstuw    ", k=size)).strip() or "a"


def _tasks() -> Iterator[_Task]:
    for short, (phrase, selected) in _SELECTIONS.items():
        for name, (meaning, reduced) in _REDUCTIONS.items():
            yield _Task(name.format(short), "numbers", meaning.format(phrase), reduced.format(selected), _numbers)
    for name, (meaning, expression) in _TEXTS.items():
        yield _Task(name, "text", meaning, expression, _text)


def easy_problems(num_tests: int, seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return rows to train on, and rows held out; which is which depends on the seed."""
    rows = [task.row(num_tests, seed) for task in _tasks()]
    random.Random(seed).shuffle(rows)
    num_held_out = len(rows) // 3
    return rows[num_held_out:], rows[:num_held_out]


def write_easy_problems(folder: Path, num_tests: int, seed: int) -> tuple[Path, Path]:
    """Write `train.jsonl` and `held_out.jsonl` into a folder, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "train.jsonl", folder / "held_out.jsonl"
    for path, rows in zip(paths, easy_problems(num_tests, seed), strict=True):
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        scratch.replace(path)  # several processes may write the same
    return paths


def main(folder: Path, tests: Annotated[int, typer.Option(min=2, help="Per problem.")] = 60, seed: int = 1) -> None:
    """Write both files."""
    write_easy_problems(folder, tests, seed)


if __name__ == "__main__":
    typer.run(main)
