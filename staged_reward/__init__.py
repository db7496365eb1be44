"""Staged verification of generated programs. Names are loaded on first use; importing this loads nothing heavy."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from staged_reward.best_of_n import BestOfN
    from staged_reward.datasets import load_problems
    from staged_reward.errors import InfraError, InputError
    from staged_reward.limits import Limits
    from staged_reward.problem import Judgement, Problem, Verdict
    from staged_reward.reward import AsyncStagedReward, StagedReward
    from staged_reward.verifier import StagedVerifier

_HOMES = {
    "AsyncStagedReward": "reward",
    "BestOfN": "best_of_n",
    "InfraError": "errors",
    "InputError": "errors",
    "Judgement": "problem",
    "Limits": "limits",
    "Problem": "problem",
    "StagedReward": "reward",
    "StagedVerifier": "verifier",
    "Verdict": "problem",
    "load_problems": "datasets",
}

__version__ = "0.1.0"
__all__ = [
    "AsyncStagedReward",
    "BestOfN",
    "InfraError",
    "InputError",
    "Judgement",
    "Limits",
    "Problem",
    "StagedReward",
    "StagedVerifier",
    "Verdict",
    "load_problems",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
