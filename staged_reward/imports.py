"""What a program imports, read from its text: which packages, and whether it must fail at one that is not there.

The packages are found quickly, and rightly for import statements at the start of a line.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import sys

OF_THE_GUEST = ("__main__", "solution")  # modules that a program's process has beside those that can be found
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)


def imported_packages(program: str) -> set[str]:
    """Return the top-level packages that a program's import statements name."""
    packages: set[str] = set()
    for match in _IMPORT.finditer(program) if "import" in program else ():
        if match[1]:
            packages.add(match[1])
        else:
            packages |= {words[0] for part in match[2].split(",") if (words := part.partition(".")[0].split())}
    return packages


def is_third_party(package: str) -> bool:
    """Whether a top-level package is neither Python's own nor missing."""
    return package not in sys.stdlib_module_names and not is_missing(package)


@functools.lru_cache(maxsize=10_000)
def is_missing(package: str) -> bool:
    """Whether no top-level package of that name can be found by this process, which finds what a program finds."""
    if package in sys.builtin_module_names or package in sys.stdlib_module_names or package in OF_THE_GUEST:
        return False
    try:
        return importlib.util.find_spec(package) is None
    except (ImportError, ValueError, AttributeError, OSError):  # a broken package: let the program see for itself
        return False


def missing_import(program: str) -> str | None:
    """Return the package that a program must fail to import before anything else of it runs, or None.

    It is certain where the statement stands at the top level, and nothing comes before it but imports, plain functions and
    constants: those cannot bring the package about. Importing what comes first may take seconds, and changes nothing.

    Args:
        program: Source that a trusted process may parse.
    """
    if not any(map(is_missing, imported_packages(program))):
        return None
    try:
        body = ast.parse(program).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for statement in body:
        roots = _roots_of_import(statement)
        if roots is None and not _is_inert(statement):
            return None
        missing = next((root for root in roots or () if is_missing(root)), None)
        if missing is not None:
            return missing
    return None


def _roots_of_import(statement: ast.stmt) -> list[str] | None:
    """Return the packages of an import statement, in order; None for another statement, and for a relative import."""
    match statement:
        case ast.Import(names=names):
            return [alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
    return None


def _is_inert(statement: ast.stmt) -> bool:
    """Whether a statement can bring no package about: a docstring, a constant, a function without decorators."""
    match statement:
        case ast.Expr(value=ast.Constant()) | ast.Assign(targets=[ast.Name()], value=ast.Constant()) | ast.Pass():
            return True
        case ast.FunctionDef(decorator_list=[], args=args, returns=returns):
            parts = [
                *args.defaults,
                *(default for default in args.kw_defaults if default),
                *_annotations(args),
                returns,
            ]
            return all(part is None or _is_plain(part) for part in parts)
    return False


def _annotations(args: ast.arguments) -> list[ast.expr | None]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, *(arg for arg in (args.vararg, args.kwarg) if arg)]
    return [arg.annotation for arg in every]


def _is_plain(node: ast.expr) -> bool:
    """Whether an expression is made of names, constants and subscripts: it may fail, which is a failure all the same."""
    plain = (ast.Name, ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.Attribute, ast.expr_context)
    return all(isinstance(part, plain) for part in ast.walk(node))
