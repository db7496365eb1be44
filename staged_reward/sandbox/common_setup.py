"""Which part of a problem's setup programs find in scope: imports, and classes that the prompt shows. Trusted side.

Programs are written for that scope: `ListNode` of a contest is in the prompt, and defined in the setup alone. The rest of a
setup may hold what programs are judged by, and stays on the trusted side; so does a class that needs it.
"""

from __future__ import annotations

import ast
import builtins
import re
from typing import NamedTuple

from staged_reward.asserts import parse


class CommonSetup(NamedTuple):
    """A setup in two parts.

    Attributes:
        source: Runs in the program's process, before the program.
        classes: That it defines; the tests then use the program's.
        rest: Runs on the trusted side, which has the imports too.
    """

    source: str
    classes: tuple[str, ...]
    rest: str

    @classmethod
    def of(cls, setup: str, prompt: str) -> CommonSetup:
        """Divide a setup.

        Raises:
            InputError: It does not parse.
        """
        if "import" not in setup and "class" not in setup:
            return cls("", (), setup)
        body = parse(setup).body
        imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
        shown = [node for node in body if isinstance(node, ast.ClassDef) and _is_shown(node.name, prompt)]
        common = _self_contained(shown, {_bound_name(alias) for node in imports for alias in node.names})
        source = "\n".join(ast.unparse(node) for node in body if node in imports or node in common)
        rest = "\n".join(ast.unparse(node) for node in body if node not in common) if common else setup
        return cls(source, tuple(node.name for node in common), rest)


def _is_shown(name: str, prompt: str) -> bool:
    return re.search(rf"\b{name}\b", prompt) is not None


def _bound_name(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _self_contained(classes: list[ast.ClassDef], known: set[str]) -> list[ast.ClassDef]:
    """Return the classes that need nothing but builtins, imports and each other."""
    while True:
        in_scope = known | set(dir(builtins)) | {node.name for node in classes}
        kept = [node for node in classes if _needed(node) <= in_scope]
        if len(kept) == len(classes):
            return kept
        classes = kept


def _needed(node: ast.ClassDef) -> set[str]:
    """Return the names that a class reads and does not bind itself."""
    names = [item for item in ast.walk(node) if isinstance(item, ast.Name)]
    bound = {item.id for item in names if not isinstance(item.ctx, ast.Load)}
    bound |= {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}
    bound |= {item.name for item in ast.walk(node) if isinstance(item, ast.FunctionDef | ast.ClassDef)}
    return {item.id for item in names if isinstance(item.ctx, ast.Load)} - bound
