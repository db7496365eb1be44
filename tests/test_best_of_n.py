"""Best-of-n: the answer, when it stops, and what goes wrong with a generator."""

from __future__ import annotations

import contextlib
import functools
import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from staged_reward import BestOfN, InfraError, InputError, Problem, StagedVerifier
from staged_reward.arrivals import Arrivals
from staged_reward.best_of_n import chance_of_change
from staged_reward.generation.generator import Sampling
from staged_reward.problem import CallTest
from tests.fake_generator import FakeGenerator

TESTS = (CallTest(args=(1, 2), expected=3), CallTest(args=(2, 2), expected=4))
ADD = Problem(task_id="add", prompt="Add two numbers.", entry_point="add", tests=TESTS)
OPEN = Problem(task_id="open", prompt="Add two numbers.", entry_point="add")
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
ALSO_RIGHT = "```python\ndef add(a, b):\n    return b + a\n```"
THREE = "```python\ndef add(a, b):\n    return 3\n```"
WRONG = "```python\ndef add(a, b):\n    return a - b\n```"
PROSE = "I would add them."


class LengthScorer:
    """Scores a program by its length."""

    def score(self, prompts: Sequence[str], programs: Sequence[str]) -> list[float]:
        return [float(len(program)) for program in programs]


@pytest.fixture(scope="module")
def verifier() -> Iterator[StagedVerifier]:
    with StagedVerifier(("syntax", "tests=1"), orm=LengthScorer(), workers=1) as verifier:
        yield verifier


@pytest.fixture(scope="module")
def solver(verifier: StagedVerifier) -> Iterator[BestOfN]:
    """One for all tests, with another generator each, since workers take a while to start."""
    with BestOfN(FakeGenerator([]), verifier) as solver:
        yield solver


def use(solver: BestOfN, generator: FakeGenerator, n: int, **settings: object) -> BestOfN:
    solver.generator, solver.n = generator, n
    for name, value in {"strategy": None, "risk": 0.0, "style": "auto", **settings}.items():
        setattr(solver, name, value)
    return solver


def test_the_first_sample_that_passes_every_test_is_the_answer(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator([PROSE, THREE, RIGHT, ALSO_RIGHT]), 4).solve(ADD)
    assert answer.index == 2
    assert answer.program == "def add(a, b):\n    return a + b\n"
    assert answer.certificate is not None
    assert answer.certificate.num_tests == 2
    assert answer.is_complete
    assert answer.strategy == "certified"


def test_the_answer_does_not_depend_on_the_order_in_which_samples_end(solver: BestOfN) -> None:
    texts = [WRONG, RIGHT, PROSE, ALSO_RIGHT]
    found = {
        use(solver, FakeGenerator(texts, order=order), 4).solve(ADD).index for order in itertools.permutations(range(4))
    }
    assert found == {1}


def test_certified_finds_one_wherever_there_is_one(solver: BestOfN) -> None:
    """The oracle: the answer is certified exactly when some sample is right."""
    draw = random.Random(1)
    for _ in range(25):
        texts = [draw.choice([WRONG, THREE, PROSE, RIGHT]) for _ in range(5)]
        answer = use(solver, FakeGenerator(texts, order=draw.sample(range(5), 5)), 5).solve(ADD)
        assert (answer.certificate is not None) == (RIGHT in texts)
        if RIGHT in texts:
            assert answer.index == texts.index(RIGHT)


def test_what_waits_to_be_judged_is_judged_in_the_order_of_its_place(verifier: StagedVerifier) -> None:
    arrivals = Arrivals(verifier)
    release, order, done = threading.Event(), [], threading.Event()

    def deliver(place: int, outcome: object) -> None:
        order.append(place)
        if len(order) == 6:
            done.set()

    arrivals.submit(ADD, "x = 1", lambda outcome: None, lambda: release.wait(20))  # holds up the thread
    for place in (5, 3, 4, 0, 2, 1):
        arrivals.submit(ADD, f"x = {place}", functools.partial(deliver, place), place=place)
    release.set()
    assert done.wait(20)
    arrivals.close()
    assert sorted(order[:2]) == [0, 1]  # two at a time
    assert sorted(order[2:4]) == [2, 3]


def test_generation_stops_once_the_answer_is_known(solver: BestOfN) -> None:
    generator = FakeGenerator(
        [WRONG, RIGHT, *[ALSO_RIGHT] * 30], pause=lambda index: wait_for_a_drop(generator) if index == 3 else None
    )
    answer = use(solver, generator, 32).solve(ADD)
    assert answer.index == 1
    assert generator.runs[0].dropped_below == [2]
    assert answer.costs.num_samples in (2, 3)
    assert answer.costs.num_tokens < answer.costs.num_tokens_for_all
    assert 0 < answer.costs.saved_frac < 1


def test_without_a_pass_the_best_is_what_passed_most_tests_and_has_no_certificate(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator([WRONG, PROSE, THREE, WRONG]), 4).solve(ADD)
    assert (answer.index, answer.certificate) == (2, None)
    assert [one.index for one in answer.runner_ups] == [0, 3]
    assert answer.costs.num_judged == 4


def test_rankers_choose_among_survivors(solver: BestOfN) -> None:
    texts = [RIGHT, THREE, ALSO_RIGHT, ALSO_RIGHT, WRONG, WRONG, WRONG, WRONG]
    answer = use(solver, FakeGenerator(texts), 8, strategy="majority").solve(ADD)
    assert answer.program == "def add(a, b):\n    return b + a\n"  # the wrong ones are more, and a filter removed them
    answer = use(solver, FakeGenerator(texts), 8, strategy="tests").solve(ADD)
    assert answer.index in (0, 2, 3)
    assert answer.certificate is not None
    answer = use(solver, FakeGenerator([RIGHT, RIGHT.replace("a + b", "a + b + 0")]), 2, strategy="orm").solve(ADD)
    assert answer.index == 1
    assert answer.score == len("def add(a, b):\n    return a + b + 0\n")


OTHER = "```python\ndef add(a, b):\n    return sum([b, a])\n```"
FLOAT = "```python\ndef add(a, b):\n    return a + b + 1e-15\n```"
RAISES = "```python\ndef add(a, b):\n    raise ValueError({})\n```"


def test_behaviour_counts_programs_that_do_the_same_however_they_are_written(solver: BestOfN) -> None:
    texts = [WRONG, WRONG, RIGHT, ALSO_RIGHT, OTHER, *(RAISES.format(number) for number in range(6))]
    inputs = [(1, 2), (0.5, 4)]
    answer = use(solver, FakeGenerator(texts), 11, strategy="behaviour").solve(OPEN, inputs=inputs)
    assert answer.index in (2, 3, 4)  # although more only raise, and those are no answer
    assert {one.index for one in answer.runner_ups[:2]} < {2, 3, 4}
    lists = [*inputs, ([1], [2])]
    answer = use(solver, FakeGenerator(texts), 11, strategy="behaviour").solve(OPEN, inputs=lists)
    assert answer.index in (0, 1)  # on lists, each of the others does something else
    answer = use(solver, FakeGenerator([WRONG, RIGHT, FLOAT]), 3, strategy="behaviour").solve(OPEN, inputs=[(0.1, 0.2)])
    assert answer.index in (1, 2)  # floats are the same to nine digits


SAME = [
    ("18", "18.0", True),
    ("0.1 + 0.2", "0.3", True),
    ("True", "1", True),
    ("{1: 2, 3: 4}", "{3: 4, 1: 2}", True),
    ("__import__('collections').Counter('aab')", "{'b': 1, 'a': 2}", True),
    (
        "__import__('numpy').arange(2000)",
        "__import__('numpy').arange(2000) + (__import__('numpy').arange(2000) == 1000)",
        False,
    ),
    ("10 ** 5000", "10 ** 5000 + 1", False),
    ("[1, 2]", "(1, 2)", False),
    ("'1'", "1", False),
]


@pytest.mark.parametrize(("one", "other", "is_same"), SAME)
def test_values_that_mean_the_same_are_one_behaviour(
    verifier: StagedVerifier, one: str, other: str, is_same: bool
) -> None:
    programs = [f"def add(a, b):\n    return {value}\n" for value in (one, other)]
    first, second = verifier.behaviours([ADD] * 2, programs)
    assert first is not None
    assert second is not None
    assert first.num_returned == second.num_returned == 2
    assert (first.digest == second.digest) is is_same


def test_returning_or_printing_nothing_is_no_answer(solver: BestOfN) -> None:
    prints = "```python\ndef add(a, b):\n    print(a + b{})\n```"
    texts = [RIGHT, *(prints.format(" " * number) for number in range(5))]
    assert use(solver, FakeGenerator(texts), 6, strategy="behaviour").solve(OPEN, inputs=[(1, 2)]).index == 0


def test_behaviour_takes_the_inputs_of_tests_and_reads_what_is_printed(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator([THREE, RIGHT, OTHER]), 3, strategy="behaviour").solve(ADD)
    assert answer.index in (1, 2)
    printing = Problem(task_id="p", prompt="Print the sum.")
    texts = ["```python\nprint(3)\n```", "```python\nprint(sum(map(int, input().split())))\n```"]
    texts.append(texts[1].replace("sum(", "sum( "))
    answer = use(solver, FakeGenerator([texts[0], *texts[1:]]), 3, strategy="behaviour").solve(
        printing, inputs=["1 2\n", "3 4\n"]
    )
    assert answer.index in (1, 2)
    with pytest.raises(InputError, match="give inputs"):
        use(solver, FakeGenerator([RIGHT]), 1, strategy="behaviour").solve(OPEN)


def test_problems_without_tests_are_answered_and_not_certified(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator([RIGHT, "```python\ndef add(:\n```", PROSE, THREE]), 4).solve(OPEN)
    assert (answer.index, answer.certificate, answer.strategy) == (0, None, "orm")
    with pytest.raises(InputError, match="has no tests"):
        use(solver, FakeGenerator([RIGHT]), 1, strategy="certified").solve(OPEN)


def wait_for_a_drop(generator: FakeGenerator) -> None:
    """Wait until samples were dropped: judging takes as long as the machine is busy."""
    end = time.monotonic() + 30
    while not generator.runs[-1].dropped_below and time.monotonic() < end:
        time.sleep(0.01)


def test_a_lead_that_is_unlikely_to_be_lost_ends_the_sampling(solver: BestOfN) -> None:
    lead = RIGHT.replace("a + b", "a + b" + " + 0" * 60)
    others = [RIGHT, ALSO_RIGHT, THREE.replace("3", "33"), RIGHT.replace("a + b", "b + a + 0")]
    generator = FakeGenerator(
        [*others * 5, lead, *[WRONG] * 20], pause=lambda index: wait_for_a_drop(generator) if index == 22 else None
    )
    answer = use(solver, generator, 41, strategy="orm", risk=0.05).solve(OPEN)
    assert answer.index == 20
    assert answer.costs.num_samples in (21, 22)
    assert answer.is_complete


def test_the_chance_of_a_change_is_a_close_bound_of_what_simulation_says() -> None:
    draw = random.Random(1)
    changed, predicted, runs = 0, 0.0, 4000
    for _ in range(runs):
        scores = [draw.gauss(3.0, 2.0) for _ in range(12)]
        changed += max(scores[8:]) > max(scores[:8])
        predicted += chance_of_change(scores[:8], 4)
    assert changed / runs == pytest.approx(4 / 12, abs=0.02)  # of twelve, each is the highest as often
    assert changed / runs <= predicted / runs <= changed / runs + 0.06


@pytest.mark.parametrize("scores", [[], [1.0, 2.0, 3.0], [1.0] * 9])
def test_few_or_equal_scores_say_nothing(scores: list[float]) -> None:
    assert chance_of_change(scores, 3) == 1.0


def test_a_generator_that_returns_fewer_gives_a_partial_answer_that_says_so(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator([WRONG, THREE]), 8).solve(ADD)
    assert not answer.is_complete
    assert (answer.costs.num_samples, answer.costs.num_asked) == (2, 8)
    assert use(solver, FakeGenerator([WRONG, RIGHT]), 8).solve(ADD).is_complete  # the others were not needed


def test_empty_texts_give_an_answer_without_a_program(solver: BestOfN) -> None:
    answer = use(solver, FakeGenerator(["", PROSE, " \n"]), 3).solve(ADD)
    assert (answer.program, answer.index, answer.certificate, answer.runner_ups) == (None, None, None, ())


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (InfraError("http://x does not answer"), InfraError, "does not answer"),
        (InputError("http://x has no model 'y'"), InputError, "has no model"),
        (InputError("a prompt of 9000 tokens does not fit"), InputError, "does not fit"),
        (ZeroDivisionError("inside"), InfraError, "the generator failed: ZeroDivisionError: inside"),
        (KeyboardInterrupt("by hand"), KeyboardInterrupt, "by hand"),
    ],
    ids=["server down", "wrong model", "context too long", "a bug", "interrupted"],
)
def test_a_failing_generator_is_an_error_that_says_why(
    solver: BestOfN, fault: BaseException, kind: type[BaseException], message: str
) -> None:
    generator = FakeGenerator([WRONG, WRONG, RIGHT], fault=fault, fault_after=2)
    with pytest.raises(kind, match=message):
        use(solver, generator, 3).solve(ADD)
    assert generator.runs[0].dropped_below[-1] == 0
    assert use(solver, FakeGenerator([RIGHT]), 1).solve(ADD).index == 0  # and the next problem is answered


def test_a_failure_after_the_answer_is_known_does_not_matter(solver: BestOfN) -> None:
    generator = FakeGenerator([WRONG, RIGHT, WRONG, WRONG], fault=InfraError("too many requests"), fault_after=3)
    assert use(solver, generator, 4).solve(ADD).index == 1
    with pytest.raises(InfraError, match="too many requests"):  # 0 has not come, and might have been the answer
        use(
            solver, FakeGenerator([RIGHT, RIGHT], order=[1, 0], fault=InfraError("too many requests"), fault_after=1), 2
        ).solve(ADD)


def test_an_early_end_of_many_stops_what_is_under_way(solver: BestOfN) -> None:
    released = threading.Event()
    generator = FakeGenerator([WRONG] * 50, pause=lambda index: released.wait(30) and None if index > 2 else None)
    answers = use(solver, generator, 50).solve_all(
        [ADD, Problem(task_id="t", prompt="Add.", entry_point="add", tests=TESTS)]
    )
    ended = threading.Event()

    def follow() -> None:
        with contextlib.suppress(InfraError):
            next(answers)
        ended.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    while len(generator.runs) < 2:
        time.sleep(0.01)
    generator.fault = InfraError("gone")
    released.set()
    thread.join(60)
    assert ended.is_set()
    assert all(run.dropped_below for run in generator.runs)


class Refusing(FakeGenerator):
    """Refuses prompts that are long."""

    def start(self, prompt: object, *rest: object) -> object:  # type: ignore[override]
        is_long = isinstance(prompt, list) and len(prompt[0]["content"]) > 200
        self.fault = InputError("the prompt is too long") if is_long else None
        return super().start(prompt, *rest)  # type: ignore[arg-type]


def test_a_problem_that_cannot_be_asked_is_named_and_skipped_where_that_is_wanted(solver: BestOfN) -> None:
    problems = [
        Problem(task_id=name, prompt=prompt, entry_point="add", tests=TESTS)
        for name, prompt in (("one", "Add."), ("long", "Add. " * 100), ("two", "Add."))
    ]
    skipped: list[tuple[str, InputError]] = []
    answers = use(solver, Refusing([RIGHT]), 1).solve_all(problems, at_once=1, skipped=skipped)
    assert [answer.task_id for answer in answers] == ["one", "two"]
    assert [(name, str(error)) for name, error in skipped] == [("long", "problem 'long': the prompt is too long")]
    with pytest.raises(InputError, match="problem 'long': the prompt is too long"):
        list(use(solver, Refusing([RIGHT]), 1).solve_all(problems, at_once=1))


def test_many_problems_are_answered_each_once(solver: BestOfN) -> None:
    problems = [Problem(task_id=f"t{number}", prompt="Add.", entry_point="add", tests=TESTS) for number in range(12)]
    generator = FakeGenerator([WRONG, PROSE, RIGHT])
    answers = list(use(solver, generator, 3).solve_all(problems, at_once=4))
    assert sorted(answer.task_id for answer in answers) == sorted(problem.task_id for problem in problems)
    assert {answer.index for answer in answers} == {2}


def test_a_fault_ends_the_answers_of_many(solver: BestOfN) -> None:
    generator = FakeGenerator([WRONG], fault=InfraError("gone"))
    with pytest.raises(InfraError, match="gone"):
        list(use(solver, generator, 2).solve_all([ADD, ADD]))


def test_the_prompt_goes_on_a_function_and_asks_in_a_chat_otherwise(solver: BestOfN) -> None:
    generator = FakeGenerator(["    return a + b\n"])
    head = 'def add(a, b):\n    """Add."""\n'
    begun = Problem(task_id="h", prompt=head, entry_point="add", tests=TESTS)
    assert use(solver, generator, 1).solve(begun).certificate is not None
    use(solver, generator, 1).solve(ADD)
    text, messages = generator.prompts
    assert text == head
    assert messages[0]["role"] == "user"  # type: ignore[index]
    assert "Tests call `add`." in messages[0]["content"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n=0; give a number of samples from 1"),
        ({"n": True}, "n=True"),
        ({"strategy": "majorty"}, "did you mean 'majority'"),
        ({"strategy": "orm", "verifier": StagedVerifier(("syntax",))}, "needs a reward model"),
        ({"risk": 1.0}, "risk=1.0"),
    ],
    ids=["none", "no number", "unknown", "without a model", "certain"],
)
def test_settings_that_cannot_be_used_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        BestOfN(FakeGenerator([]), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings", [{"temperature": -1.0}, {"top_p": 0.0}, {"top_p": 1.5}, {"max_tokens": 0}, {"stop": ("",)}]
)
def test_sampling_that_cannot_be_done_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        Sampling(**settings)  # type: ignore[arg-type]
