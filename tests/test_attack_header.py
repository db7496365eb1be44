"""The comment at the top of an attack program: what it says, and what it must not say."""

import pytest

from staged_reward.attack.header import parse_harm, parse_trial, split_header
from staged_reward.attack.trial import Harm, Must
from staged_reward.errors import InputError
from staged_reward.problem import CallTest, StdioTest

TEXT = """# kind: call
# must: fail
# why: a reason
# task: halve
# harm: canary_file_absent path=x
# flags: bare heavy
# a remark of the program's own
def halve(number):
    return 0
"""


def test_header_says_what_the_program_is() -> None:
    trial = parse_trial("name", "tamper", TEXT)
    assert (trial.name, trial.category, trial.kind, trial.must, trial.why) == (
        "name",
        "tamper",
        "call",
        Must.FAIL,
        "a reason",
    )
    assert trial.problem.entry_point == "halve"
    assert trial.problem.tests[0] == CallTest((5,), expected=2.5)
    assert trial.harms == (Harm("canary_file_absent", {"path": "x"}),)
    assert (trial.is_bare, trial.is_heavy) == (True, True)


def test_program_is_what_follows_the_header() -> None:
    assert parse_trial("n", "tamper", TEXT).program.startswith("# a remark of the program's own\ndef halve")


def test_own_tests_may_span_lines() -> None:
    text = "# kind: assert\n# must: pass\n# why: w\n# entry: f\n# test: x = f(1)\\nassert x.y == 2\n\npass\n"
    (test,) = parse_trial("n", "honest", text).problem.tests
    assert test.code == "x = f(1)\nassert x.y == 2"


def test_script_gets_the_sums() -> None:
    trial = parse_trial("n", "crash", "# kind: stdio\n# must: fail\n# why: w\npass\n")
    assert trial.problem.tests[0] == StdioTest("2 3\n", "5\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("# kind: call", "# kind: cal"), "did you mean 'call'"),
        (("# kind: call", "# kinds: call"), "did you mean 'kind'"),
        (("# must: fail\n", ""), "'must' stands 0 times"),
        (("# must: fail", "# must: fall"), "did you mean 'fail'"),
        (("# must: fail", "# must: fail\n# must: pass"), "'must' stands 2 times"),
        (("task: halve", "task: half"), "did you mean 'halve'"),
        (("task: halve", "task: rotate"), "no tests of kind 'call'"),
        (("task: halve", "task: sum"), "no tests of kind 'call'"),
        (("bare heavy", "bear"), "did you mean 'bare'"),
        (("canary_file_absent path=x", "canary_absent path=x"), "did you mean"),
        (("canary_file_absent path=x", "canary_file_absent"), "needs 'path'"),
        (("canary_file_absent path=x", "canary_intact path=x"), "takes no 'path'"),
    ],
)
def test_wrong_header_is_an_error_that_names_the_remedy(change: tuple[str, str], message: str) -> None:
    assert change[0] in TEXT
    with pytest.raises(InputError, match=message):
        parse_trial("n", "tamper", TEXT.replace(*change))


def test_values_of_a_harm_are_json_where_they_can_be() -> None:
    assert parse_harm("verdict_within limit_plus_s=2.5") == Harm("verdict_within", {"limit_plus_s": 2.5})
    assert parse_harm("paths_absent_glob glob=/tmp/x*") == Harm("paths_absent_glob", {"glob": "/tmp/x*"})


def test_header_alone_is_an_empty_program() -> None:
    assert split_header("# kind: call").program == ""
