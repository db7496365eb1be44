"""Two ranks whose completions fare differently, for 200 steps: run by `test_two_ranks` through `accelerate launch`.

accelerate launch --config_file configs/accelerate/two_cpu.yaml tests/two_ranks.py FOLDER STEPS
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "train")]
RANK = int(os.environ.get("RANK", "0"))


def main(folder: Path, num_steps: int) -> None:
    """Train, and note the names of all metrics of every call."""
    import datasets
    import trl
    from tiny_model import tiny_model, tiny_tokenizer

    from staged_reward import Judgement, Problem, StagedReward, Verdict
    from staged_reward.gate import Gate
    from staged_reward.ledger.audit import Auditor
    from staged_reward.ledger.callback import LedgerCallback
    from staged_reward.ledger.ledger import Ledger
    from staged_reward.problem import StageResult

    class Uneven:
        """Judges by lot; on rank 1 whole calls come without an outcome, or without a survivor."""

        stages = ("extract", "syntax", "tests", "orm")
        gate = Gate()
        scorer = None
        num_workers = 1
        full = False

        def __init__(self) -> None:
            self.draw = random.Random(RANK)

        def take_children_cpu_seconds(self) -> float:
            return self.draw.random()

        def verify(self, problems: Sequence[Problem], programs: Any, **settings: object) -> list[Judgement]:
            kinds: Sequence[Verdict] = list(Verdict)
            if RANK == 1:
                kinds = self.draw.choice([[Verdict.NOT_RUN], [Verdict.SYNTAX_ERROR], [Verdict.INFRA_ERROR], kinds])
            return [self._judge(problem, self.draw.choice(kinds)) for problem in problems]

        def _judge(self, problem: Problem, verdict: Verdict) -> Judgement:
            stage = "syntax" if verdict is Verdict.SYNTAX_ERROR else "tests"
            passed = verdict is Verdict.PASSED
            results = (StageResult(stage=stage, verdict=verdict, seconds=0.01, cpu_seconds=0.01),)
            return Judgement(task_id=problem.task_id, verdict=verdict, stage=stage, passed=passed, stages=results)

    class Noting(StagedReward):
        """Notes the names that it logs."""

        def __call__(self, *arguments: Any, log_metric: Callable[[str, float], None], **columns: Any) -> Any:
            names: list[str] = []

            def note(name: str, value: float) -> None:
                names.append(name)
                log_metric(name, value)

            rewards = super().__call__(*arguments, log_metric=note, **columns)
            with (folder / f"names-{RANK}.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(names) + "\n")
            return rewards

    problem = {"task_id": "n", "entry_point": "f", "tests": [{"type": "call", "args": [1], "expected": 1}]}
    reward = Noting(
        Uneven(),  # type: ignore[arg-type]
        max_infra_rate=1.0,
        ledger=Ledger(folder / "ledger", auditor=Auditor(0.0)),
    )
    tokenizer = tiny_tokenizer()
    trainer = trl.GRPOTrainer(
        model=tiny_model(tokenizer, seed=0),
        reward_funcs=reward,
        args=trl.GRPOConfig(
            output_dir=str(folder),
            num_generations=2,
            per_device_train_batch_size=2,
            max_completion_length=4,
            max_steps=num_steps,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
            disable_tqdm=True,
        ),
        train_dataset=datasets.Dataset.from_list([{"prompt": "Add.", "problem": json.dumps(problem)}] * 8),
        processing_class=tokenizer,
    )
    LedgerCallback(reward).attach(trainer)
    trainer.train()
    assert reward.ledger is not None
    reward.ledger.close()
    trainer.save_state()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
