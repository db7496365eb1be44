"""The public names, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import staged_reward

HEAVY = ("torch", "transformers", "trl", "vllm", "wandb", "numpy", "datasets", "accelerate", "pylint", "black")
NAMES = [
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


def loaded_after(code: str) -> set[str]:
    """Return which heavy modules are loaded after running `code` in a fresh interpreter."""
    report = f"import sys; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    finished = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    return set(finished.stdout.split())


def test_all_is_exactly_the_public_names() -> None:
    assert staged_reward.__all__ == NAMES
    assert dir(staged_reward) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there(name: str) -> None:
    value = getattr(staged_reward, name)
    assert value.__name__ == name
    assert value.__module__.startswith("staged_reward.")


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="StagedVerifer"):
        staged_reward.StagedVerifer  # noqa: B018


def test_errors_are_the_standard_ones_too() -> None:
    assert issubclass(staged_reward.InputError, ValueError)
    assert issubclass(staged_reward.InfraError, RuntimeError)


@pytest.mark.parametrize(
    "code",
    [
        "import staged_reward",
        "from staged_reward import *",
        "import staged_reward.verifier, staged_reward.reward, staged_reward.pool, staged_reward.sandbox.judge",
        "import staged_reward.cli.verify",
        "import staged_reward.cli",
    ],
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    assert loaded_after(code) == set()


def test_a_call_without_an_orm_loads_nothing_heavy_in_the_callers_process() -> None:
    code = """
from staged_reward import *
from staged_reward.problem import CallTest
problem = Problem(task_id="p", entry_point="f", tests=(CallTest((2,), {}, 4),))
with StagedVerifier(workers=1) as verifier:
    judgements = verifier.verify([problem] * 2, ["def f(x):\\n    return x * x\\n", "def f(x):\\n    return y\\n"])
assert [str(judgement.verdict) for judgement in judgements] == ["passed", "lint_error"], judgements
"""
    assert loaded_after(code) == set()
