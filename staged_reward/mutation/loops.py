"""Mutation operators on loops: how they end, what they change while they run, what stands inside them.

Each takes a program and a node and yields edits; its docstring is its description. Source of `remove_while_iterating`
and `while_len`: Orlanski et al. (arXiv 2506.10056), Table 3 and appendix C.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from staged_reward.mutation.source import Edit, Program

_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Return, ast.Break, ast.Continue, ast.Raise)


def remove_while_iterating(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`[x for x in a if c]` becomes a loop over a list that calls `.remove(x)` on that list."""
    if not isinstance(node, ast.Assign | ast.Return) or not isinstance(node.value, ast.ListComp):
        return
    loop = node.value.generators[0]
    indent = program.indent(node)
    same = program.get(node.value.elt) == program.get(loop.target)
    if len(node.value.generators) > 1 or len(loop.ifs) != 1 or not same or program.full_lines(node) is None:
        return
    name = program.get(node.targets[0]) if isinstance(node, ast.Assign) else _free_name(program)
    item, source, test = (program.get(part) for part in (loop.target, loop.iter, loop.ifs[0]))
    lines = [f"{name} = list({source})", f"for {item} in {name}:", f"    if not ({test}):"]
    lines += [f"        {name}.remove({item})"] + [f"return {name}"] * isinstance(node, ast.Return)
    yield program.replace(node, f"{program.newline}{indent}".join(lines))


def _free_name(program: Program) -> str:
    return next(name for name in ("kept", "result", "kept_items", "_kept") if name not in program.text)


def while_len(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`while a:` becomes `while len(a) > 1:`; `for x in a:` empties `a` with `while len(a) > 0:` and `a.pop(0)`."""
    if isinstance(node, ast.While) and isinstance(node.test, ast.Name | ast.Attribute):
        yield program.replace(node.test, f"len({program.get(node.test)}) > 1")
    if not isinstance(node, ast.For) or node.orelse or not isinstance(node.iter, ast.Name | ast.Attribute):
        return
    body_lines = program.full_lines(node.body[0])
    if body_lines is not None and isinstance(node.target, ast.Name | ast.Tuple):
        source, item = program.get(node.iter), program.get(node.target)
        rest = program.text[program.end(node.iter) : body_lines[0]]
        pop = f"{program.indent(node.body[0])}{item} = {source}.pop(0){program.newline}"
        yield Edit(program.start(node), body_lines[0], f"while len({source}) > 0{rest}{pop}")


def break_continue(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`break` becomes `continue`, and back."""
    if isinstance(node, ast.Break | ast.Continue):
        yield program.replace(node, "continue" if isinstance(node, ast.Break) else "break")


def early_return(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A `return` behind a loop moves into the loop: it ends in the first round."""
    if isinstance(node, ast.Return):
        yield from _moved_in(program, node)


def indented_statement(program: Program, node: ast.AST) -> Iterator[Edit]:
    """A statement behind a loop or an `if` moves into it."""
    if isinstance(node, ast.Expr | ast.Assign | ast.AugAssign):
        yield from _moved_in(program, node)


def _moved_in(program: Program, node: ast.stmt) -> Iterator[Edit]:
    block = program.block(node)
    before = block[block.index(node) - 1] if block[0] is not node else None
    if not isinstance(before, ast.For | ast.While | ast.If) or before.orelse:
        return
    indent, lines = program.indent(before.body[0]), program.full_lines(node)
    if indent is not None and lines is not None:
        yield Edit(lines[0], program.start(node), indent)


def dedented_statement(program: Program, node: ast.AST) -> Iterator[Edit]:
    """The last statement of a loop or an `if` moves out of it."""
    parent = program.parent(node)
    if not isinstance(node, _SIMPLE) or not isinstance(parent, ast.For | ast.While | ast.If):
        return
    block, indent, lines = program.block(node), program.indent(parent), program.full_lines(node)
    last = block is parent.orelse or not parent.orelse
    if last and len(block) > 1 and block[-1] is node and indent is not None and lines is not None:
        yield Edit(lines[0], program.start(node), indent)


def shared_rows(program: Program, node: ast.AST) -> Iterator[Edit]:
    """`[[0] * m for _ in range(n)]` becomes `[[0] * m] * n`: n names for one row."""
    if not isinstance(node, ast.ListComp) or len(node.generators) != 1 or node.generators[0].ifs:
        return
    loop = node.generators[0]
    mutable = isinstance(node.elt, ast.List | ast.Dict | ast.Set | ast.BinOp | ast.ListComp)
    constant = program.get(loop.target).startswith("_") and isinstance(loop.iter, ast.Call)
    if mutable and constant and isinstance(loop.iter, ast.Call) and len(loop.iter.args) == 1:
        count = program.get(loop.iter.args[0])
        count = count if isinstance(loop.iter.args[0], ast.Name | ast.Constant | ast.Call) else f"({count})"
        yield program.replace(node, f"[{program.get(node.elt)}] * {count}")


LOOPS = (
    remove_while_iterating,
    while_len,
    break_continue,
    early_return,
    indented_statement,
    dedented_statement,
    shared_rows,
)
