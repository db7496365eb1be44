"""Signatures of functions, as data that crosses between test and program."""

from __future__ import annotations

from typing import Any


def describe_signature(function: Any) -> list[Any]:
    """Return [name, kind, whether it has a default, the default] of each parameter."""
    from inspect import Parameter, signature

    parameters = signature(function).parameters.values()
    return [
        [p.name, int(p.kind), p.default is not Parameter.empty, None if p.default is Parameter.empty else p.default]
        for p in parameters
    ]


def make_signature(described: list[Any]) -> Any:
    """Return the signature that was described so."""
    from inspect import Parameter, Signature, _ParameterKind

    kinds = list(_ParameterKind)
    return Signature(
        [
            Parameter(name, kinds[kind], default=default if has_default else Parameter.empty)
            for name, kind, has_default, default in described
        ]
    )
