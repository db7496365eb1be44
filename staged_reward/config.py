"""YAML file → frozen dataclass, strict and flat: every key is a field, every field has one type, no nesting.

What it refuses, with the file, the line and the key: an unknown or repeated key, a value of another type, a missing
required key, and what the dataclass's own `__post_init__` refuses. What it does not do: merge files, read variables.

A field may be `str`, `int`, `float`, `bool`, `Path`, `Literal[...]`, `tuple[T, ...]`, or a union of these with None. An
integer is accepted for a float, and a comma-separated string for a tuple of strings. PyYAML reads `1e-6` as a string; a
float field accepts it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import types
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from staged_reward.errors import InputError, nearest

T = TypeVar("T")
_WRONG = object()  # what `_fit` returns for a value that the type does not admit


class _Setting(NamedTuple):
    """One `key: value` and where it stands."""

    place: str
    key: Any
    value: Any


def load_config(path: str | Path, cls: type[T], overrides: Sequence[str] = ()) -> T:
    """Read a YAML file into a dataclass.

    Args:
        path: The file; one flat mapping.
        cls: A dataclass. Fields without a default are required.
        overrides: `key=value` strings that take the place of the file's values. The value is read as YAML; a field that
            admits strings takes it as it stands.

    Returns:
        An instance of `cls`.

    Raises:
        InputError: The file or an override cannot be used; the message names file, line and key.
    """
    hints = get_type_hints(cls)
    from_file = _checked(_read(Path(path)), cls, hints)
    from_command = _checked((_parse_override(text, hints) for text in overrides), cls, hints)
    settings = {**from_file, **from_command}
    missing = [field.name for field in _fields(cls) if _is_required(field) and field.name not in settings]
    if missing:
        raise InputError(f"{path}: missing key {', '.join(map(repr, missing))}; {cls.__name__} has no default for it")
    return _build(cls, settings, path)


def config_from_command_line(cls: type[T], description: str | None, argv: Sequence[str] | None = None) -> T:
    """Read `--config FILE [key=value ...]`; on bad input print one line and exit with status 2."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True, metavar="FILE", help="YAML file with the settings")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings that replace those of the file")
    arguments = parser.parse_args(argv)
    try:
        return load_config(arguments.config, cls, arguments.overrides)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _read(path: Path) -> list[_Setting]:
    """Return the settings of a file, with their lines."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}; give a UTF-8 YAML file") from error
    try:
        settings = _parse(path, text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a scalar such as the date 2024-99-99
        raise InputError(f"{path}{_line_of(error)}: not valid YAML: {' '.join(str(error).split())}") from error
    if settings is None:
        raise InputError(f"{path}: not a mapping; write one `key: value` per line")
    return settings


def _parse(path: Path, text: str) -> list[_Setting] | None:
    """Return the settings, None if the text is no mapping. The parser's tree has the lines, its values have not."""
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            return None
        return [
            _Setting(f"{path}:{key.start_mark.line + 1}", key.value, loader.construct_object(value, deep=True))
            for key, value in root.value
        ]
    finally:
        loader.dispose()


def _line_of(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f":{mark.line + 1}" if mark else ""


def _parse_override(text: str, hints: Mapping[str, Any]) -> _Setting:
    key, equals, raw = text.partition("=")
    place = f"command line: {text}"
    if not equals:
        raise InputError(f"{place}: not an override; write key=value")
    choices = _alternatives(hints.get(key, str))
    takes_text = any(choice is str or get_origin(choice) is Literal for choice in choices)
    if takes_text and not (raw == "null" and types.NoneType in choices):
        return _Setting(place, key, raw)
    try:
        return _Setting(place, key, yaml.safe_load(raw))
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{place}: value is not valid YAML: {' '.join(str(error).split())}") from error


def _checked(settings: Iterable[_Setting], cls: type, hints: Mapping[str, Any]) -> dict[str, _Setting]:
    """Check names and types; return the settings by key."""
    names = [field.name for field in _fields(cls)]
    checked: dict[str, _Setting] = {}
    for setting in settings:
        place, key, value = setting
        if not isinstance(key, str):
            raise InputError(f"{place}: a key that is not a word; write one `key: value` per line")
        if key not in names:
            raise InputError(f"{place}: unknown key {key!r}{nearest(key, names)}")
        if key in checked:
            raise InputError(f"{place}: key {key!r} was given before, at {checked[key].place}; keep one")
        fitted = _fit(value, hints[key])
        if fitted is _WRONG:
            found = f"{value!r} ({type(value).__name__})"
            raise InputError(f"{place}: {key} is {found}; expected {_describe(hints[key])}")
        checked[key] = _Setting(place, key, fitted)
    return checked


def _build(cls: type[T], settings: Mapping[str, _Setting], path: str | Path) -> T:
    """Construct the dataclass; a refusal of its `__post_init__` gets the place of the setting that it names."""
    try:
        return cls(**{key: setting.value for key, setting in settings.items()})
    except InputError as error:
        places = [setting.place for key, setting in settings.items() if f"{key}=" in str(error)]
        raise InputError(f"{places[0] if places else path}: {error}") from error


def _fit(value: Any, hint: Any) -> Any:
    """Return the value as the type wants it, or `_WRONG`."""
    fitted = (_fit_one(value, choice) for choice in _alternatives(hint))
    return next((each for each in fitted if each is not _WRONG), _WRONG)


def _fit_one(value: Any, choice: Any) -> Any:
    if get_origin(choice) is Literal:
        return value if isinstance(value, Hashable) and value in get_args(choice) else _WRONG
    if get_origin(choice) is tuple:
        return _fit_tuple(value, get_args(choice)[0])
    if choice is float:
        return _fit_float(value)
    if choice is Path:
        return Path(value) if isinstance(value, str) else _WRONG
    return value if type(value) is choice else _WRONG  # `type is`, so that true is no int


def _fit_tuple(value: Any, hint: Any) -> Any:
    if isinstance(value, str) and hint is str:
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        return _WRONG
    items = tuple(_fit(item, hint) for item in value)
    return _WRONG if any(item is _WRONG for item in items) else items


def _fit_float(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _WRONG
    try:
        return float(value)
    except (ValueError, OverflowError):
        return _WRONG


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _describe(hint: Any) -> str:
    """Return a type as users read it, e.g. `int or null`, `'grpo' or 'rloo'`, `list of str`."""
    words = []
    for choice in _alternatives(hint):
        if get_origin(choice) is Literal:
            words += [repr(word) for word in get_args(choice)]
        elif get_origin(choice) is tuple:
            words.append(f"list of {_describe(get_args(choice)[0])}")
        else:
            words.append("null" if choice is types.NoneType else choice.__name__)
    return " or ".join(words)


def _fields(cls: type) -> tuple[dataclasses.Field[Any], ...]:
    assert dataclasses.is_dataclass(cls), f"{cls!r} is not a dataclass"
    return dataclasses.fields(cls)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
