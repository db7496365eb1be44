"""The settings reader: what it accepts, and that every refusal names the file, the line and the key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.config import config_from_command_line, load_config
from staged_reward.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Settings:
    model: str
    max_steps: int = 10
    learning_rate: float = 0.5
    use_cpu: bool = False
    limit: int | None = None
    note: str | None = None
    folder: Path = Path("here")
    trainer: Literal["grpo", "rloo"] = "grpo"
    filters: tuple[str, ...] = ("syntax",)
    sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.max_steps < 0:
            raise InputError(f"max_steps={self.max_steps}; give 0 or more")


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_text(text: str | bytes) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write_text


def refusal(path: Path, overrides: tuple[str, ...] = ()) -> str:
    with pytest.raises(InputError) as caught:
        load_config(path, Settings, overrides)
    return str(caught.value)


def test_every_kind_of_field_is_read(write: Any) -> None:
    path = write("""# a command
model: tiny
max_steps: 3
learning_rate: 1e-6
use_cpu: true
limit: 7
note: null
folder: a/b
trainer: rloo
filters: [syntax, lint, tests=1]
sizes: [1, 2]
""")
    assert load_config(path, Settings) == Settings(
        model="tiny",
        max_steps=3,
        learning_rate=1e-6,
        use_cpu=True,
        limit=7,
        folder=Path("a/b"),
        trainer="rloo",
        filters=("syntax", "lint", "tests=1"),
        sizes=(1, 2),
    )


def test_defaults_fill_what_the_file_leaves_out(write: Any) -> None:
    assert load_config(write("model: tiny"), Settings) == Settings(model="tiny")


def test_an_integer_is_a_float_of_the_same_value(write: Any) -> None:
    rate = load_config(write("model: tiny\nlearning_rate: 2"), Settings).learning_rate
    assert isinstance(rate, float)
    assert rate == 2.0


def test_a_comma_separated_string_is_a_list_of_strings(write: Any) -> None:
    config = load_config(write("model: tiny\nfilters: syntax, tests=1"), Settings)
    assert config.filters == ("syntax", "tests=1")


def test_unknown_key_names_file_line_key_and_the_nearest_key(write: Any) -> None:
    path = write("# a command\nmodel: tiny\nmax_stepz: 3\n")
    assert refusal(path) == f"{path}:3: unknown key 'max_stepz'; did you mean 'max_steps'?"


def test_duplicate_key_names_both_lines(write: Any) -> None:
    path = write("model: tiny\nmax_steps: 1\nmax_steps: 2\n")
    assert refusal(path) == f"{path}:3: key 'max_steps' was given before, at {path}:2; keep one"


def test_missing_required_key_is_named(write: Any) -> None:
    path = write("max_steps: 1")
    assert refusal(path).startswith(f"{path}: missing key 'model'")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("max_steps: '3'", "max_steps is '3' (str); expected int"),
        ("max_steps: 3.0", "max_steps is 3.0 (float); expected int"),
        ("max_steps: true", "max_steps is True (bool); expected int"),
        ("max_steps: null", "max_steps is None (NoneType); expected int"),
        ("learning_rate: true", "learning_rate is True (bool); expected float"),
        ("learning_rate: fast", "learning_rate is 'fast' (str); expected float"),
        ("use_cpu: 1", "use_cpu is 1 (int); expected bool"),
        ("limit: 1.5", "limit is 1.5 (float); expected int or null"),
        ("trainer: ppo", "trainer is 'ppo' (str); expected 'grpo' or 'rloo'"),
        ("trainer: [grpo]", "trainer is ['grpo'] (list); expected 'grpo' or 'rloo'"),
        ("filters: [1]", "filters is [1] (list); expected list of str"),
        ("filters: {a: 1}", "filters is {'a': 1} (dict); expected list of str"),
        ("sizes: 1,2", "sizes is '1,2' (str); expected list of int"),
        ("note: 5", "note is 5 (int); expected str or null"),
    ],
)
def test_wrong_type_names_value_and_expected_type(write: Any, line: str, expected: str) -> None:
    path = write(f"model: tiny\n{line}\n")
    assert refusal(path) == f"{path}:2: {expected}"


def test_a_refusal_of_the_dataclass_gets_file_and_line(write: Any) -> None:
    path = write("model: tiny\nmax_steps: -1\n")
    assert refusal(path) == f"{path}:2: max_steps=-1; give 0 or more"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- a\n- b",
        "just text",
        "model: [unclosed",
        "model: tiny\n---\nmodel: other",
        "model: !!python/object:os.system x",
        "model: 2024-99-99",
        "? [a, b]\n: c",
        "a: &a [*a]",
        "model: *nothing",
        b"model: \xff\xfe",
        b"model: a\x00b",
    ],
)
def test_a_file_that_is_no_flat_mapping_is_an_input_error(write: Any, text: str | bytes) -> None:
    path = write(text)
    assert refusal(path).startswith(str(path))


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "nothing.yaml")
    assert "cannot be read" in refusal(tmp_path)


def test_overrides_take_the_place_of_the_file(write: Any) -> None:
    path = write("model: tiny\nmax_steps: 1\n")
    overrides = ("model=7", "max_steps=5", "learning_rate=1e-3", "filters=syntax,tests=1", "sizes=[4]", "use_cpu=true")
    assert load_config(path, Settings, overrides) == Settings(
        model="7",
        max_steps=5,
        learning_rate=1e-3,
        filters=("syntax", "tests=1"),
        sizes=(4,),
        use_cpu=True,
    )


def test_an_override_keeps_equal_signs_in_its_value_and_null_means_none(write: Any) -> None:
    config = load_config(write("model: tiny\nnote: x"), Settings, ("note=null", "model=a=b"))
    assert (config.note, config.model) == (None, "a=b")


def test_an_override_satisfies_a_required_key(write: Any) -> None:
    assert load_config(write("max_steps: 1"), Settings, ("model=tiny",)).model == "tiny"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("max_stepz=3", "unknown key 'max_stepz'; did you mean 'max_steps'?"),
        ("max_steps=many", "max_steps is 'many' (str); expected int"),
        ("max_steps=[", "value is not valid YAML"),
        ("max_steps", "not an override; write key=value"),
        ("max_steps=-4", "max_steps=-4; give 0 or more"),
    ],
)
def test_a_bad_override_is_quoted(write: Any, override: str, expected: str) -> None:
    message = refusal(write("model: tiny"), (override,))
    assert message.startswith(f"command line: {override}: ")
    assert expected in message


def test_the_same_override_twice_is_refused(write: Any) -> None:
    assert "was given before" in refusal(write("model: tiny"), ("max_steps=1", "max_steps=2"))


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_any_value_is_either_read_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump({"model": "m", "learning_rate": value}), encoding="utf-8")
    if is_number(value):
        assert isinstance(load_config(path, Settings).learning_rate, float)
    else:
        assert refusal(path).startswith(f"{path}:")


def is_number(value: object) -> bool:
    """Whether Python's float() takes a plain int, float or string of this value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True


def test_the_command_line_reads_file_and_overrides(write: Any) -> None:
    path = write("model: tiny")
    config = config_from_command_line(Settings, "doc", ["--config", str(path), "max_steps=4"])
    assert config == Settings(model="tiny", max_steps=4)


def test_the_command_line_exits_with_2_and_one_line_on_bad_input(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("modell: tiny")
    with pytest.raises(SystemExit) as caught:
        config_from_command_line(Settings, "doc", ["--config", str(path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"error: {path}:1: unknown key 'modell'; did you mean 'model'?\n"
