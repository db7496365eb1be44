"""The numbers that a tracker gets, under names that depend on the verifier's settings alone.

Of a call: sums, and shares of its completions. Trainers average them over ranks and calls; as ranks have equally many
completions, that average is the share of all. What has other denominators, as all that audits show, is made from the ledger
of all ranks instead, never averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

from staged_reward.ledger.entry import Entry, StageCost
from staged_reward.ledger.estimates import Audited, Estimate, estimate_all
from staged_reward.problem import Verdict

ORM = "orm"  # the stage
COST = "total_cpu_seconds"
"""What accuracy is drawn against."""


def call_metrics(entry: Entry, stages: Sequence[str]) -> dict[str, float]:
    """Return what a trainer's hook gets of one call on one rank."""
    num = entry.num_programs
    metrics = {
        "seconds": entry.seconds,
        "cpu_seconds": entry.cpu_seconds,
        "dollars": entry.dollars,
        "tokens": float(entry.num_tokens),
        "programs": float(num),
        "distinct_frac": 1 - entry.num_copies / num,
        "known_frac": entry.num_known / num,
        "survived_frac": entry.num_survived / num,
        "passed_frac": entry.verdicts.get(Verdict.PASSED, 0) / num,
        "infra_frac": entry.verdicts.get(Verdict.INFRA_ERROR, 0) / num,
        "late_frac": entry.verdicts.get(Verdict.NOT_RUN, 0) / num,
    }
    if ORM in stages:
        metrics |= {
            "orm_distinct_prefixes": float(entry.scoring.distinct_prefixes),
            "orm_computed_tokens": float(entry.scoring.computed),
            "orm_reused_tokens": float(entry.scoring.reused),
            "orm_padding_tokens": float(entry.scoring.padding),
            "orm_flops": entry.scoring.flops,
        }
    for stage in stages:
        cost = entry.stages.get(stage, StageCost())
        metrics[f"in_frac/{stage}"] = cost.num_in / num
        metrics[f"kept_frac/{stage}"] = cost.num_kept / num
        metrics[f"run_frac/{stage}"] = cost.num_run / num
        metrics[f"seconds/{stage}"] = cost.seconds
        metrics[f"cpu_seconds/{stage}"] = cost.cpu_seconds
    metrics["cpu_seconds/other"] = entry.other_cpu_seconds
    for verdict in Verdict:
        metrics[f"verdict_frac/{verdict}"] = entry.verdicts.get(verdict, 0) / num
    return metrics


def total_metrics(total: Entry) -> dict[str, float]:
    """Return what was spent since the training began, on all ranks together; NaN for shares of nothing."""
    return {
        "total_programs": float(total.num_programs),
        "total_tokens": float(total.num_tokens),
        "total_seconds": total.seconds,
        COST: total.cpu_seconds,
        "total_dollars": total.dollars,
        "total_orm_flops": total.scoring.flops,
        "orm_utilisation": total.scoring.utilisation,
    }


def audit_metrics(step: Sequence[Audited], window: Sequence[Audited]) -> dict[str, float]:
    """Return what audits show: of the last audited step alone, and of a window of steps, with intervals.

    NaN where nothing can be said, so that every name is there.
    """
    metrics = {f"audit_step/{name}": found.value for name, found in estimate_all(step).items()}
    for name, found in estimate_all(window).items():
        metrics |= _with_interval(f"audit/{name}", found)
    metrics["audit/programs"] = float(len(window))
    return metrics


def _with_interval(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def names(stages: Sequence[str]) -> tuple[str, ...]:
    """Return every name there is, for a verifier's stages."""
    of_call = call_metrics(Entry(num_programs=1, seconds=1.0), stages)
    return (*of_call, *total_metrics(Entry()), *audit_metrics((), ()))
