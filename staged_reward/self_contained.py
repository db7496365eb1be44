"""Is a program self-contained: can it do nothing but compute, with what it is given and what it makes itself?

Such a program reads and writes no file, starts nothing, waits for nothing, and reaches no object that another program could
meet: of Python it uses functions, loops, plain data, and names out of a list. Nothing of it runs when its objects are
dropped: no class, no generator that is left inside a `try`. It cannot hide that memory or stack ran out: no handler catches
more than named exceptions. So what it does is the same whatever self-contained program has run in the process before it,
once the caches of Python's own modules are emptied, and nothing of it is left afterwards (see `sandbox/shared.py`).

What it does: decide from the syntax tree, on the safe side. What it does not do: promise that a program ends, or takes
little memory. No process is trusted for its sake: the sandbox around it is that of any program.
"""

from __future__ import annotations

import ast
import builtins
import string
from collections.abc import Callable
from typing import Any

# Modules, and what of them may be used. No name here gives access to attributes by their names (`attrgetter`,
# `Formatter`), changes what others see (`seed`, `getcontext`), or is a module itself.
_OF_MODULES: dict[str, frozenset[str]] = {
    "bisect": frozenset({"bisect", "bisect_left", "bisect_right", "insort", "insort_left", "insort_right"}),
    "collections": frozenset({"Counter", "OrderedDict", "defaultdict", "deque"}),
    "copy": frozenset({"copy", "deepcopy"}),
    "functools": frozenset({"cache", "cmp_to_key", "lru_cache", "partial", "reduce"}),
    "hashlib": frozenset({"md5", "sha1", "sha224", "sha256", "sha384", "sha512"}),
    "heapq": frozenset({"heapify", "heappop", "heappush", "heappushpop", "heapreplace", "merge", "nlargest", "nsmallest"}),
    "itertools": frozenset({
        "accumulate", "chain", "combinations", "combinations_with_replacement", "compress", "count", "cycle", "dropwhile",
        "filterfalse", "groupby", "islice", "pairwise", "permutations", "product", "repeat", "starmap", "takewhile", "tee",
        "zip_longest",
    }),
    "math": frozenset({
        "acos", "asin", "atan", "atan2", "ceil", "comb", "copysign", "cos", "degrees", "dist", "e", "erf", "exp", "fabs",
        "factorial", "floor", "fmod", "fsum", "gcd", "hypot", "inf", "isclose", "isfinite", "isinf", "isnan", "isqrt",
        "lcm", "ldexp", "log", "log10", "log1p", "log2", "modf", "nan", "perm", "pi", "pow", "prod", "radians", "sin",
        "sqrt", "tan", "tau", "trunc",
    }),
    "operator": frozenset({"add", "itemgetter", "mul", "sub", "xor"}),
    "re": frozenset({
        "DOTALL", "I", "IGNORECASE", "M", "MULTILINE", "S", "compile", "escape", "findall", "finditer", "fullmatch", "match",
        "search", "split", "sub", "subn",
    }),
    "string": frozenset({
        "ascii_letters", "ascii_lowercase", "ascii_uppercase", "digits", "hexdigits", "octdigits", "punctuation",
        "whitespace",
    }),
    "typing": frozenset({
        "Any", "Callable", "Dict", "FrozenSet", "Iterable", "Iterator", "List", "Mapping", "Optional", "Sequence", "Set",
        "Text", "Tuple", "Union",
    }),
}  # fmt: skip

# Methods and attributes of plain data, of what the modules above make, and of exceptions.
_ATTRIBUTES = frozenset().union(*_OF_MODULES.values()) | {
    "add", "append", "appendleft", "args", "as_integer_ratio", "bit_count", "bit_length", "capitalize", "casefold",
    "center", "clear", "conjugate", "copy", "count", "decode", "difference", "difference_update", "discard", "elements",
    "encode", "end", "endswith", "expandtabs", "extend", "extendleft", "find", "format", "from_iterable", "fromkeys",
    "get", "group", "groups", "hex", "hexdigest", "imag", "index", "insert", "intersection", "intersection_update",
    "is_integer", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isdisjoint", "isidentifier", "islower",
    "isnumeric", "isprintable", "isspace", "issubset", "issuperset", "istitle", "isupper", "items", "join", "keys",
    "ljust", "lower", "lstrip", "maketrans", "most_common", "move_to_end", "partition", "pop", "popitem", "popleft",
    "real", "remove", "removeprefix", "removesuffix", "replace", "reverse", "rfind", "rindex", "rjust", "rotate",
    "rpartition", "rsplit", "rstrip", "setdefault", "sort", "span", "split", "splitlines", "start", "startswith",
    "strip", "subtract", "swapcase", "symmetric_difference", "title", "total", "translate", "union", "update", "upper",
    "values", "zfill",
}  # fmt: skip

# Exceptions that a handler may name. None of them is what want of memory or stack raises.
_EXCEPTIONS = frozenset({
    "AssertionError", "AttributeError", "IndexError", "KeyError", "LookupError", "NotImplementedError", "OverflowError",
    "StopIteration", "TypeError", "ValueError", "ZeroDivisionError",
})  # fmt: skip

# Builtins that give access to no object beyond their arguments, whatever these are.
_BUILTINS = _EXCEPTIONS | {
    "Exception", "False", "None", "True", "abs", "all", "any", "ascii", "bin", "bool", "bytes", "callable", "chr",
    "complex", "dict", "divmod", "enumerate", "filter", "float", "format", "frozenset", "hex", "int", "isinstance",
    "issubclass", "iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "print", "range", "repr",
    "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip
_OF_SITE = {"copyright", "credits", "exit", "help", "license", "quit"}  # builtins that not every interpreter has
_FORBIDDEN = (frozenset(dir(builtins)) | _OF_SITE) - _BUILTINS - {"__name__"}
MODULES = tuple(sorted(_OF_MODULES))
"""Those that a self-contained program may import."""


def is_self_contained(program: str) -> bool:
    """Return whether a program can do nothing but compute.

    Args:
        program: Source that a trusted process may parse.
    """
    try:
        tree = ast.parse(program.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        rule = _RULES.get(type(node))
        if rule is None or not rule(node):
            return False
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                waiting += [item for item in value if isinstance(item, ast.AST)]
            elif isinstance(value, ast.AST):
                waiting.append(value)
    return True


def _may_be_bound(name: str | None) -> bool:
    """Whether a name has no meaning to Python itself, nor to a handler; None is no name."""
    return name is None or (("__" not in name or name == "__name__") and name not in _EXCEPTIONS)


def _is_known_name(node: ast.Name) -> bool:
    return node.id not in _FORBIDDEN and (_may_be_bound(node.id) or (_reads(node) and node.id in _EXCEPTIONS))


def _reads(node: ast.Name | ast.Attribute) -> bool:
    return type(node.ctx) is ast.Load


def _reads_known_attribute(node: ast.Attribute) -> bool:
    if node.attr == "format":  # a field of a format may name attributes
        return isinstance(node.value, ast.Constant) and _is_plain_format(node.value.value)
    return node.attr in _ATTRIBUTES and _reads(node)


def _is_plain_format(text: object) -> bool:
    """Whether a format has no field that names an attribute."""
    if not isinstance(text, str):
        return False
    try:
        fields = [(name or "", spec or "") for _, name, spec, _ in string.Formatter().parse(text)]
    except ValueError:  # it raises in the program, too, but after the fields before the fault have been read
        return False
    return all("." not in name and _is_plain_format(spec) for name, spec in fields)


def _hides_nothing(node: ast.Try) -> bool:
    """Whether a `try` leaves nothing to be run later, and lets through what it does not name.

    The end of a generator that is left inside of one would run when the generator is dropped; and leaving `finally` by
    another way than its end drops whatever was raised.
    """
    ways_out = (inner for statement in node.finalbody for inner in ast.walk(statement))
    if any(isinstance(inner, ast.Return | ast.Break | ast.Continue) for inner in ways_out):
        return False
    return not any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node))


def _catches_named(node: ast.ExceptHandler) -> bool:
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return all(isinstance(item, ast.Name) and item.id in _EXCEPTIONS for item in caught) and _may_be_bound(node.name)


def _imports_known_modules(node: ast.Import) -> bool:
    return all(alias.name in _OF_MODULES for alias in node.names)


def _imports_known_names(node: ast.ImportFrom) -> bool:
    known = _OF_MODULES.get(node.module or "", frozenset())
    return node.level == 0 and all(alias.name in known for alias in node.names)


def _compares(node: ast.Compare) -> bool:
    """Take the `type` out of `type(x) == int`, where it goes nowhere else."""
    node.left, *node.comparators = map(_without_type, [node.left, *node.comparators])
    return True


def _without_type(operand: ast.expr) -> ast.expr:
    match operand:
        case ast.Call(func=ast.Name(id="type"), args=[argument], keywords=[]) if type(argument) is not ast.Starred:
            return argument
    return operand


_RULES: dict[type[ast.AST], Callable[[Any], bool]] = {
    **dict.fromkeys(
        (
            ast.Module, ast.arguments, ast.Lambda, ast.Return, ast.Yield, ast.YieldFrom, ast.Assign, ast.AugAssign,
            ast.AnnAssign, ast.NamedExpr, ast.Delete, ast.For, ast.While, ast.If, ast.IfExp, ast.Raise,
            ast.Assert, ast.Expr, ast.Pass, ast.Break, ast.Continue, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.Call,
            ast.Subscript, ast.Slice, ast.Starred, ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.ListComp,
            ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.JoinedStr, ast.FormattedValue,
            *ast.expr_context.__subclasses__(), *ast.operator.__subclasses__(), *ast.unaryop.__subclasses__(),
            *ast.boolop.__subclasses__(), *ast.cmpop.__subclasses__(),
        ),
        lambda node: True,
    ),
    ast.Attribute: _reads_known_attribute,
    ast.Compare: _compares,
    ast.Import: _imports_known_modules,
    ast.ImportFrom: _imports_known_names,
    ast.Name: _is_known_name,
    ast.Try: _hides_nothing,
    ast.ExceptHandler: _catches_named,
    ast.comprehension: lambda node: not node.is_async,
    ast.arg: lambda node: _may_be_bound(node.arg),
    ast.keyword: lambda node: node.arg is None or "__" not in node.arg,
    ast.alias: lambda node: _may_be_bound(node.asname),
    ast.FunctionDef: lambda node: _may_be_bound(node.name),
    ast.Global: lambda node: all(map(_may_be_bound, node.names)),
    ast.Nonlocal: lambda node: all(map(_may_be_bound, node.names)),
}  # fmt: skip
