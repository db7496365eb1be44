"""How well does a reward model choose? Beside chance, majority and the full suite, alone and among what one test leaves.

    python benchmarks/orm_quality.py SAMPLES.jsonl.gz --problems PROBLEMS.jsonl --labels LABELS.jsonl.gz --orm default
    ... --cross-validate BACKBONE     a head on a frozen backbone, trained on four fifths of the problems, tried on the fifth

Two questions. `--orm`: how good is a trained checkpoint on problems that it has not seen? `--cross-validate`: what can be
learned from labels of this very data, for each of the three losses and several seeds? There the backbone's output at the
last token of every program is computed once, and a linear head is trained on it with the losses of `staged_reward.orm`:
that is what two cores can do 45 times. `--decay` and `--train-on` change what such a head is made of.

Best-of-n is the closed form over all samples of a problem, copies included; a program that the test removed comes after
all that it left. A majority depends on which n are drawn: there it is the mean over 200 draws. Intervals are 95 % of 4,000
bootstrap samples, over problems, and over seeds where there are several.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, get_args

import numpy as np
import numpy.typing as npt
import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from safetensors.torch import load_file, save_file
from torch.nn import functional

from staged_reward.datasets import load_problems
from staged_reward.errors import InputError
from staged_reward.metrics import best_of_n, pair_accuracy
from staged_reward.normalise import black_format, identity
from staged_reward.orm.card import OrmCard, checkpoint_name
from staged_reward.orm.checkpoint import Checkpoint, load_checkpoint
from staged_reward.orm.encoding import encode, pooled, text_of
from staged_reward.orm.groups import SAMPLE, Counts, Group, make_groups, read_outcomes
from staged_reward.orm.losses import GROUP_LOSSES, LossName
from staged_reward.orm.near_miss import MUTANT, add_near_misses
from staged_reward.orm.packed import leaf_logits
from staged_reward.orm.pairs import draw_pairs
from staged_reward.orm.scorer import OrmScorer
from staged_reward.orm.trie import TokenTrie
from staged_reward.problem import Problem
from staged_reward.rankers import Ranked, rank
from staged_reward.samples import Sample, read_samples
from staged_reward.verifier import StagedVerifier

BEST_OF = (8, 64)
LOSSES: tuple[LossName, ...] = get_args(LossName)
TIE_SEEDS = 20  # orders among equals, for chance
NUM_DRAWS = 200  # of n samples, for a majority
NUM_BOOTSTRAP = 4000
STEPS, LEARNING_RATE = 300, 3e-3

Array = npt.NDArray[np.float64]
ScoreOf = Mapping[tuple[str, str], float]
"""(task id, program as it was sampled) → score."""


@dataclass(slots=True)
class Case:
    """The samples of one problem.

    Attributes:
        problem: They answer.
        programs: Sources, copies included.
        keys: Equal for programs that are the same once formatted.
        passed: The full suite.
        survived: The first test.
    """

    problem: Problem
    programs: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    passed: list[bool] = field(default_factory=list)
    survived: list[bool] = field(default_factory=list)


def key_of(program: str) -> bytes:
    """Return what is equal for programs that are the same once formatted."""
    return identity(black_format(program))


def read_cases(samples: Sequence[Sample], outcomes: Sequence[bool | None], workers: int) -> list[Case]:
    """Return the problems with their samples, each of which is run on its problem's first test."""
    with StagedVerifier(("tests=1",), workers=workers) as verifier:
        judgements = verifier.verify([s.problem for s in samples], [s.program for s in samples])
    cases: dict[str, Case] = {}
    for sample, passed, judgement in zip(samples, outcomes, judgements, strict=True):
        case = cases.setdefault(sample.problem.task_id, Case(sample.problem))
        case.programs.append(sample.program or "")
        case.keys.append(key_of(sample.program or ""))
        case.passed.append(bool(passed))
        case.survived.append(judgement.passed)
    return list(cases.values())


def order_by(name: str, case: Case, scores: Sequence[float] | None, seed: int, *, is_filtered: bool) -> list[int]:
    """Return the indices of a problem's samples, best first."""
    indices = range(len(case.programs))
    kept = [i for i in indices if case.survived[i] or not is_filtered]
    ranked = [Ranked(case.programs[i], score=None if scores is None else scores[i]) for i in kept]
    order = [kept[place] for place in rank(name, case.problem.task_id, ranked, seed)]
    return order + sorted(set(indices) - set(kept))


def ranking_values(
    cases: Sequence[Case], n: int, name: str, scorings: Sequence[ScoreOf | None], *, is_filtered: bool
) -> Array:
    """Return Best-of-n, a row per seed, a column per problem; one without a survivor counts 0."""
    rows = []
    for scoring in scorings:
        row = []
        for case in cases:
            scores = None if scoring is None else [scoring[case.problem.task_id, p] for p in case.programs]
            if name.startswith("majority"):
                row.append(majority_of_draws(case, n, scores, is_filtered=is_filtered))
                continue
            seeds = range(TIE_SEEDS if scores is None else 1)
            orders = [order_by(name, case, scores, seed, is_filtered=is_filtered) for seed in seeds]
            found = [best_of_n([case.passed[i] for i in order], n) for order in orders]
            row.append(float(np.mean(found)))
        rows.append(row)
    return np.array(rows)


def majority_of_draws(case: Case, n: int, scores: Sequence[float] | None, *, is_filtered: bool) -> float:
    """Return how often the most frequent of n drawn samples is right; among equals the score decides, else the lot."""
    generator = random.Random(f"{case.problem.task_id}/{n}")
    num_right = 0
    for _ in range(NUM_DRAWS):
        drawn = generator.sample(range(len(case.programs)), n)
        kept = [i for i in drawn if case.survived[i] or not is_filtered]
        counts = Counter(case.keys[i] for i in kept)
        best = max(kept, key=lambda i: (counts[case.keys[i]], 0.0 if scores is None else scores[i]), default=None)
        num_right += best is not None and case.passed[best]
    return num_right / NUM_DRAWS


def full_suite_values(cases: Sequence[Case], n: int) -> Array:
    """Return how often one of n is correct: the ranking that knows."""
    return np.array([[best_of_n(sorted(case.passed, reverse=True), n) for case in cases]])


def interval(values: Array) -> tuple[float, float, float]:
    """Return mean and 95 % interval of seeds x problems, both drawn again."""
    generator = np.random.default_rng(1)
    num_seeds, num_problems = values.shape
    means = [
        values[generator.integers(num_seeds, size=num_seeds)][
            :, generator.integers(num_problems, size=num_problems)
        ].mean()
        for _ in range(NUM_BOOTSTRAP)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def accuracy_values(groups: Sequence[Group], scorings: Sequence[ScoreOf]) -> dict[str, Array]:
    """Return pair accuracy among samples, and of correct programs against near misses by operator; seeds x problems."""
    found: dict[str, list[list[float]]] = {}
    for number, scoring in enumerate(scorings):
        for group in groups:
            right = [scoring[group.task_id, p.program] for p in group.correct]
            sampled_right = [scoring[group.task_id, p.program] for p in group.correct if p.origin == SAMPLE]
            kinds: dict[str, list[float]] = {}
            for item in group.incorrect:
                kinds.setdefault(item.origin, []).append(scoring[group.task_id, item.program])
            for kind, wrong in kinds.items():
                correct = sampled_right if kind == SAMPLE else right
                if correct:
                    rows = found.setdefault(kind, [])
                    while len(rows) <= number:
                        rows.append([])
                    rows[number].append(pair_accuracy(correct, wrong))
    return {kind: np.array(rows) for kind, rows in found.items()}


def last_states(checkpoint: Checkpoint, texts: Sequence[str], max_length: int) -> torch.Tensor:
    """Return what the head of a model is given for each text; texts x hidden size."""
    if checkpoint.decoder is None:
        raise InputError("this backbone cannot be run over a packed trie; give another one")
    rows, _ = encode(checkpoint.tokenizer, texts, min(max_length, checkpoint.max_positions))
    rows = [pooled(row, checkpoint.pad_token_id) for row in rows]
    trie = TokenTrie.of(rows)
    states: list[torch.Tensor] = []
    head = checkpoint.model.score
    watch = head.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0].float().cpu()))
    try:
        leaf_logits(checkpoint.decoder, trie, checkpoint.budget)
    finally:
        watch.remove()
    place = {leaf: number for number, leaf in enumerate(np.unique(trie.leaves).tolist())}
    return torch.cat(states)[[place[leaf] for leaf in trie.leaves.tolist()]]


def backbone_outputs(
    name: str, prompts: Sequence[str], programs: Sequence[str], dtype: str, cache: Path | None
) -> torch.Tensor:
    """Return the last states of a checkpoint's backbone for programs that are formatted already; kept on disk if asked."""
    digest = hashlib.sha256("\0".join([dtype, *prompts, *programs]).encode("utf-8", "replace"))
    for file in sorted(Path(name).iterdir()):
        digest.update(file.read_bytes() if file.is_file() else b"")
    path = None if cache is None else cache / f"{digest.hexdigest()[:16]}.safetensors"
    if path is not None and path.exists():
        return load_file(path)["states"]
    checkpoint = load_checkpoint(name, None, getattr(torch, dtype))
    card = replace(OrmCard.of(name) or OrmCard(), normalisation="none")
    eos_token = checkpoint.tokenizer.eos_token
    texts = [text_of(prompt, program, card, eos_token) for prompt, program in zip(prompts, programs, strict=True)]
    states = last_states(checkpoint, texts, card.max_length)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"states": states}, path)
    return states


class Heads:
    """Linear heads on frozen features, one training per fold, loss and seed.

    Args:
        groups: With features of every program, by (task id, program).
        decay: Of the squared weights, in the loss.
    """

    def __init__(self, groups: Sequence[Group], features: Mapping[tuple[str, str], torch.Tensor], decay: float) -> None:
        self._groups = groups
        self._features = features
        self._decay = decay

    def train(self, task_ids: set[str], loss: str, seed: int) -> Callable[[torch.Tensor], torch.Tensor]:
        """Train on these problems; return features -> scores."""
        groups = [group for group in self._groups if group.task_id in task_ids and group.has_both]
        torch.manual_seed(seed)
        x, passed, owner = self._tensors(groups)
        mean, spread = x.mean(0), x.std(0) + 1e-6
        x = (x - mean) / spread
        weights = torch.nn.Parameter(0.01 * torch.randn(x.shape[1]))
        bias = torch.nn.Parameter(torch.zeros(()))
        chosen, rejected = self._pairs(groups, seed)
        optimizer = torch.optim.Adam([weights, bias], lr=LEARNING_RATE)
        for _ in range(STEPS):
            scores = x @ weights + bias
            if loss == "bradley_terry":
                value = functional.softplus(scores[rejected] - scores[chosen]).mean()
            else:
                value = GROUP_LOSSES[loss](scores, passed, owner)
            optimizer.zero_grad()
            torch.autograd.backward(value + self._decay * weights.square().sum())
            optimizer.step()
        return lambda features: (((features - mean) / spread) @ weights + bias).detach()

    def _tensors(self, groups: Sequence[Group]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        items = [(number, group, item) for number, group in enumerate(groups) for item in group.programs]
        x = torch.stack([self._features[group.task_id, item.program] for _, group, item in items])
        return x, torch.tensor([item.passed for *_, item in items]), torch.tensor([number for number, *_ in items])

    def _pairs(self, groups: Sequence[Group], seed: int) -> tuple[list[int], list[int]]:
        keys = [(group.task_id, item.program) for group in groups for item in group.programs]
        place = {key: number for number, key in enumerate(keys)}
        pairs = list(draw_pairs(groups, seed, is_reusing=True))
        return [place[p.task_id, p.chosen] for p in pairs], [place[p.task_id, p.rejected] for p in pairs]


def restrict(groups: Sequence[Group], cases: Sequence[Case], train_on: str) -> list[Group]:
    """Return what heads are trained on: everything, samples alone, or samples that survive the first test."""
    if train_on == "everything":
        return list(groups)
    survivors = {
        (case.problem.task_id, key)
        for case in cases
        for key, survived in zip(case.keys, case.survived, strict=True)
        if survived or train_on == "samples"
    }
    return [
        Group(
            group.task_id,
            group.prompt,
            [p for p in group.programs if p.origin == SAMPLE and (group.task_id, key_of(p.program)) in survivors],
        )
        for group in groups
    ]


def cross_validate(
    heads: Heads, features: Mapping[tuple[str, str], torch.Tensor], task_ids: Sequence[str], folds: int, seeds: int
) -> dict[str, list[ScoreOf]]:
    """Return for each loss and seed the scores of all programs by heads that have not seen their problems."""
    scorings: dict[str, list[ScoreOf]] = {loss: [] for loss in LOSSES}
    by_task: dict[str, list[tuple[str, str]]] = {}
    for key in features:
        by_task.setdefault(key[0], []).append(key)
    for loss in LOSSES:
        for seed in range(seeds):
            mixed = sorted(task_ids)
            random.Random(seed).shuffle(mixed)
            scores: dict[tuple[str, str], float] = {}
            for fold in range(folds):
                apart = mixed[fold::folds]
                head = heads.train(set(mixed) - set(apart), loss, seed)
                keys = [key for task_id in apart for key in by_task.get(task_id, ())]
                found = head(torch.stack([features[key] for key in keys])).tolist()
                scores.update(zip(keys, found, strict=True))
            scorings[loss].append(scores)
    return scorings


def by_sample(scoring: ScoreOf, cases: Iterable[Case]) -> ScoreOf:
    """Return the scores of programs as they were sampled; one that does not parse, and has no score, comes last."""
    known = {(task_id, key_of(program)): score for (task_id, program), score in scoring.items()}
    return {
        (case.problem.task_id, program): known.get((case.problem.task_id, key), float("-inf"))
        for case in cases
        for program, key in zip(case.programs, case.keys, strict=True)
    }


def report(
    console: Console, cases: Sequence[Case], groups: Sequence[Group], scorings: Mapping[str, Sequence[ScoreOf]]
) -> dict[str, Any]:
    """Print the tables; return their figures."""
    sizes = [n for n in BEST_OF if all(len(case.programs) >= n for case in cases)]
    ready = {name: [by_sample(scoring, cases) for scoring in found] for name, found in scorings.items()}
    figures: dict[str, Any] = {}
    table = Table("ranker", *(f"Bo{n}, %" for n in sizes), box=SIMPLE_HEAD, title="Best-of-n")
    columns: dict[str, list[Array]] = {}
    for is_filtered in (False, True):
        before = "one test + " if is_filtered else ""
        for name in ("random", "majority"):
            columns[before + name] = [ranking_values(cases, n, name, [None], is_filtered=is_filtered) for n in sizes]
        for name, ready_scores in ready.items():
            for label, ranker in ((name, "orm"), (f"majority, then {name}", "majority_then_orm")):
                columns[before + label] = [
                    ranking_values(cases, n, ranker, ready_scores, is_filtered=is_filtered) for n in sizes
                ]
    columns["full suite"] = [full_suite_values(cases, n) for n in sizes]
    for name, values in columns.items():
        found = [interval(array) for array in values]
        figures[name] = {f"bo{n}": one for n, one in zip(sizes, found, strict=True)}
        table.add_row(name, *(_percent(one) for one in found))
    console.print(table)
    table = Table("difference", *(f"Bo{n}, points" for n in sizes), box=SIMPLE_HEAD, title="Over the other rankers")
    for before in ("", "one test + "):
        for name in (label for found in scorings for label in (found, f"majority, then {found}")):
            for other in ("random", "majority"):
                gaps = [interval(a - b) for a, b in zip(columns[before + name], columns[before + other], strict=True)]
                label = f"{before}{name} over {other}"
                figures[label] = {f"bo{n}": one for n, one in zip(sizes, gaps, strict=True)}
                table.add_row(label, *(_percent(one, sign="+") for one in gaps))
    console.print(table)
    accuracies = {name: accuracy_values(groups, found) for name, found in scorings.items()}
    kinds = sorted({kind for found in accuracies.values() for kind in found}, key=lambda kind: (kind != SAMPLE, kind))
    table = Table("wrong program", "problems", *accuracies, box=SIMPLE_HEAD, title="Correct above wrong, % of pairs")
    for kind in kinds:
        found = [interval(values[kind]) for values in accuracies.values()]
        figures[f"accuracy/{kind}"] = dict(zip(accuracies, found, strict=True))
        count = next(iter(accuracies.values()))[kind].shape[1]
        table.add_row(kind.removeprefix(MUTANT), str(count), *(_percent(one) for one in found))
    console.print(table)
    return figures


def _percent(value: tuple[float, float, float], sign: str = "") -> str:
    mean, low, high = (100 * part for part in value)
    return f"{mean:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def main(
    samples: Annotated[Path, typer.Argument(help="File of samples.")],
    problems: Annotated[str, typer.Option(help="File, or the name of a data set.")],
    labels: Annotated[Path, typer.Option(help="What `verify --full` wrote for the samples, or rows with `label`.")],
    orm: Annotated[list[str] | None, typer.Option(help="Checkpoint; may be given several times.")] = None,
    cross_validate_on: Annotated[
        list[str] | None, typer.Option("--cross-validate", help="Sequence-classification folder to put heads on.")
    ] = None,
    folds: Annotated[int, typer.Option(help="Of the problems.")] = 5,
    seeds: Annotated[int, typer.Option(help="Trainings of each loss and fold.")] = 3,
    near_misses: Annotated[int, typer.Option(help="Mutants tried per problem.")] = 12,
    decay: Annotated[float, typer.Option(help="Of a head's squared weights.")] = 1e-3,
    train_on: Annotated[
        str, typer.Option(help="What heads learn from: everything, samples, survivors.")
    ] = "everything",
    cache: Annotated[Path | None, typer.Option(help="Folder where a backbone's outputs are kept.")] = None,
    dtype: Annotated[str, typer.Option(help="Of the backbone's weights.")] = "bfloat16",
    workers: Annotated[int, typer.Option(help="Of the verifier.")] = 2,
    output: Annotated[Path | None, typer.Option(help="Gets the figures, as JSON.")] = None,
) -> None:
    """Rank, and print Best-of-n, differences and accuracies."""
    console = Console(width=160)
    found = load_problems(problems)
    by_id = {problem.task_id: problem for problem in found}
    read = read_samples(samples, found)
    outcomes = read_outcomes(labels, read)
    cases = read_cases(read, outcomes, workers)
    sampled = [by_id[case.problem.task_id] for case in cases]
    groups = make_groups(read, outcomes, Counts(), solved=sampled)
    if near_misses:
        with StagedVerifier(filters=(), full=True, workers=workers) as verifier:
            add_near_misses(groups, by_id, verifier, num_per_problem=near_misses, seed=1)
    num_programs = sum(len(group.programs) for group in groups)
    console.print(
        f"{len(cases)} problems, {sum(len(c.programs) for c in cases)} samples; {num_programs} distinct programs that "
        f"parse, near misses and solutions included; {sum(group.has_both for group in groups)} problems with both kinds"
    )
    everything: dict[str, Any] = {}
    keys = [(group.task_id, item.program) for group in groups for item in group.programs]
    prompts = [by_id[task_id].prompt for task_id, _ in keys]
    scorings: dict[str, Sequence[ScoreOf]] = {}
    for name in orm or ():
        scores = OrmScorer(name, dtype=dtype).score(prompts, [program for _, program in keys])
        scorings[name] = [dict(zip(keys, scores, strict=True))]
    if scorings:
        everything["orm"] = report(console, cases, groups, scorings)
    for name in map(checkpoint_name, cross_validate_on or ()):
        features = dict(
            zip(keys, backbone_outputs(name, prompts, [source for _, source in keys], dtype, cache), strict=True)
        )
        heads = Heads(restrict(groups, cases, train_on), features, decay)
        console.print(
            f"\n{folds}-fold cross-validation, {seeds} seeds: heads on {Path(name).name}, trained on {train_on}, "
            f"decay {decay}"
        )
        found_scorings = cross_validate(heads, features, [group.task_id for group in groups], folds, seeds)
        everything[f"heads on {Path(name).name}"] = report(console, cases, groups, found_scorings)
    if output:
        output.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
