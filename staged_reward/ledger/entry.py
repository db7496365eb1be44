"""One call of a reward, in numbers that can be added up over calls, steps and ranks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from staged_reward.orm.cost import ScoringCost
from staged_reward.problem import Judgement, Verdict
from staged_reward.summary import StageSummary, summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCost:
    """One stage of one call; the words are those of `StageSummary`."""

    num_in: int = 0
    num_kept: int = 0
    num_run: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @classmethod
    def of(cls, summary: StageSummary) -> Self:
        """Take over what adds up."""
        names = cls.__dataclass_fields__
        return cls(**{name: getattr(summary, name) for name in names})

    def __add__(self, other: StageCost) -> StageCost:
        names = self.__dataclass_fields__
        return StageCost(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one call, or several together, did and cost.

    Attributes:
        num_calls: Calls.
        num_programs: Completions.
        num_copies: Of these, equal to another of their call.
        num_known: Of these, with a result that an earlier call found out.
        num_survived: Of these, what no filter removed and the verifier could judge.
        num_tokens: Of the completions, where the trainer says them.
        seconds: Wall seconds.
        dollars: For these, by the table of prices.
        verdicts: Completions by verdict.
        stages: Per stage, what it cost.
        other_cpu_seconds: CPU seconds that belong to no stage: finding programs and copies of them, starting and feeding
            processes.
        scoring: What the reward model computed; zeros without one, or where a server runs it.
    """

    num_calls: int = 0
    num_programs: int = 0
    num_copies: int = 0
    num_known: int = 0
    num_survived: int = 0
    num_tokens: int = 0
    seconds: float = 0.0
    dollars: float = 0.0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    stages: Mapping[str, StageCost] = field(default_factory=dict)
    other_cpu_seconds: float = 0.0
    scoring: ScoringCost = field(default_factory=ScoringCost)

    @classmethod
    def of(
        cls,
        judgements: Sequence[Judgement],
        stages: Sequence[str],
        *,
        seconds: float,
        cpu_seconds: float,
        num_tokens: int,
        dollars: float,
        scoring: ScoringCost,
    ) -> Self:
        """Count a call.

        Args:
            judgements: Of its completions.
            stages: The verifier's, in order.
            seconds: Wall seconds of the call.
            cpu_seconds: Of the calling thread and the verifier's processes; the reward model, on a thread of its own, not
                counted.
            num_tokens: Of its completions; 0 where nobody says.
            dollars: What it cost.
            scoring: What the reward model computed.
        """
        costs = {summary.stage: StageCost.of(summary) for summary in summarise(judgements, stages)}
        accounted = sum(cost.cpu_seconds for stage, cost in costs.items() if stage != "orm")
        return cls(
            num_calls=1,
            num_programs=len(judgements),
            num_copies=sum(judgement.is_copy for judgement in judgements),
            num_known=sum(judgement.is_known for judgement in judgements),
            num_survived=sum(survived(judgement) for judgement in judgements),
            num_tokens=num_tokens,
            seconds=seconds,
            dollars=dollars,
            verdicts=dict(Counter(str(judgement.verdict) for judgement in judgements)),
            stages=costs,
            other_cpu_seconds=cpu_seconds - accounted,
            scoring=scoring,
        )

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all stages, ours and the programs', and of what belongs to none."""
        return self.other_cpu_seconds + sum(cost.cpu_seconds for cost in self.stages.values())

    def __add__(self, other: Entry) -> Entry:
        numbers = {
            name: getattr(self, name) + getattr(other, name)
            for name in self.__dataclass_fields__
            if name not in ("verdicts", "stages")
        }
        names = dict.fromkeys((*self.stages, *other.stages))
        none = StageCost()
        return Entry(
            **numbers,
            verdicts=dict(Counter(self.verdicts) + Counter(other.verdicts)),
            stages={name: self.stages.get(name, none) + other.stages.get(name, none) for name in names},
        )

    def as_row(self) -> dict[str, Any]:
        """Return plain data, for a file."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return what `as_row` made; a ledger that was begun before reward models were counted has zeros for them.

        Raises:
            TypeError: It was not made by it.
        """
        stages = {name: StageCost(**cost) for name, cost in row["stages"].items()}
        return cls(**{**row, "stages": stages, "scoring": ScoringCost(**row.get("scoring", {}))})


def survived(judgement: Judgement) -> bool:
    """Whether no filter removed a program; what the full suite said of it does not matter here."""
    has_outcome = judgement.verdict not in (Verdict.INFRA_ERROR, Verdict.NOT_RUN)
    return has_outcome and judgement.filtered_by is None and judgement.program is not None
