"""Reading rows: every way in which a file can be wrong names its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staged_reward.errors import InputError
from staged_reward.excerpt import shown
from staged_reward.fields import optional, program_name, reject_unknown, required, strings, task_id, text_or_chat
from staged_reward.rows import Row, read_rows


def write(folder: Path, content: bytes | str, name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        list(read_rows(path))
    return str(caught.value)


def test_rows_know_their_lines_and_blank_lines_count(tmp_path: Path) -> None:
    path = write(tmp_path, '\n{"a": 1}\r\n  \t\n{"b": "\u2028"}')
    assert list(read_rows(path)) == [Row(str(path), 2, {"a": 1}), Row(str(path), 4, {"b": "\u2028"})]


def test_a_byte_order_mark_is_no_part_of_the_row(tmp_path: Path) -> None:
    assert [row.data for row in read_rows(write(tmp_path, b'\xef\xbb\xbf{"a": 1}\n'))] == [{"a": 1}]


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.jsonl"])
def test_compression_is_told_by_content(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, gzip.compress(b'{"a": 1}\n\n{"a": 2}\n'), name)
    assert [(row.line, row.data["a"]) for row in read_rows(str(path))] == [(1, 1), (3, 2)]


def test_a_json_list_has_lines_too(tmp_path: Path) -> None:
    path = write(tmp_path, '\n [{"a": [1,\n 2]}\n,\n\n {"a": 3}, {"a": 4}]\n', "rows.json")
    assert [(row.line, row.data["a"]) for row in read_rows(path)] == [(2, [1, 2]), (6, 3), (6, 4)]


@given(st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.integers(), max_size=3), min_size=1))
def test_both_layouts_give_what_was_written(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    folder = tmp_path_factory.mktemp("rows")
    lines = write(folder, "\n".join(json.dumps(row, ensure_ascii=bool(i % 2)) for i, row in enumerate(rows)))
    whole = write(folder, json.dumps(rows, indent=1), "rows.json")
    assert [row.data for row in read_rows(lines)] == rows == [row.data for row in read_rows(whole)]
    assert [row.line for row in read_rows(lines)] == list(range(1, len(rows) + 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": }\n', ":2: invalid JSON at column 7: Expecting value; give one object per line"),
        ('{\n "a": 1\n}', ":1: invalid JSON"),
        ('{"a": 1}\n[1]', ":2: the row is [1]; give a JSON object"),
        ('{"a": 1}\n\n"x"', ":3: the row is 'x'"),
        ("[1]\n[2]", ":2: invalid JSON at column 1: Extra data"),
        ('[{"a": 1},\n 3]', ":2: the row is 3"),
        ('[{"a": 1},\n {"a" 3}]', ":2: invalid JSON at column 7"),
        (b'{"a": 1}\n{"a": "\xff"}', ":2: byte 0xff at column 8 is not UTF-8; save the file as UTF-8"),
        (b'[{"a": 1},\n' + b"\xff]", ":2: byte 0xff at column 1"),
        ("[" * 100_000, ":1: invalid JSON"),
        ('{"a": ' + "1" * 5000 + "}", ":1: invalid JSON: Exceeds the limit"),
        ("", ": no rows; give one JSON object per line"),
        ("\n \n", ": no rows"),
        ("[]", ": no rows"),
        (gzip.compress(b'{"a": 1}' * 100, mtime=0)[:-9], ": cannot be read: "),
        (gzip.compress(b"", mtime=0), ": no rows"),
        (b"\x1f\x8bnonsense", ": cannot be read: "),
    ],
)
def test_a_broken_file_names_place_and_remedy(tmp_path: Path, content: bytes | str, message: str) -> None:
    path = write(tmp_path, content)
    assert error_of(path).startswith(f"{path}{message}")


def test_a_missing_file_and_a_folder_are_user_errors(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.jsonl") == f"{tmp_path / 'none.jsonl'}: no such file; check the path"
    assert error_of(tmp_path).startswith(f"{tmp_path}: cannot be read: ")


def test_rows_before_a_broken_one_are_not_held_back(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path, '{"a": 1}\n{'))
    assert next(rows).data == {"a": 1}


def test_row_errors_begin_with_the_place() -> None:
    assert str(Row("f.jsonl", 7, {}).error("key 'x'")) == "f.jsonl:7: key 'x'"


# -- typed access ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kind", "message"),
    [
        ({}, str, "key 't[0].k' is missing; add it"),
        ({"k": None}, str, "key 't[0].k' is None; give a string"),
        ({"k": True}, int, "key 't[0].k' is True; give an integer"),
        ({"k": "x"}, list, "key 't[0].k' is 'x'; give a list"),
        ({"k": []}, dict, "key 't[0].k' is []; give an object"),
    ],
)
def test_required_names_key_value_and_remedy(row: dict, kind: type, message: str) -> None:
    with pytest.raises(InputError) as caught:
        required(row, "k", kind, "t[0].")
    assert str(caught.value) == message


def test_null_is_a_missing_option() -> None:
    assert optional({"k": None}, "k", str) is None
    assert optional({"k": "x"}, "k", str) == "x"
    with pytest.raises(InputError, match="give a string"):
        optional({"k": 3}, "k", str)


def test_lists_of_strings_name_the_item() -> None:
    with pytest.raises(InputError, match=r"key 'k\[1\]' is 2; give a string"):
        strings({"k": ["a", 2]}, "k")


def test_unknown_keys_come_with_the_nearest_valid_one() -> None:
    with pytest.raises(InputError, match=r"unknown key 't\[2\]\.exspected'; did you mean 'expected'\?"):
        reject_unknown({"args": [], "exspected": 1}, ["args", "expected"], "t[2].")


@pytest.mark.parametrize(("value", "name"), [(601, "601"), ("HumanEval/0", "HumanEval/0")])
def test_task_ids_are_strings_or_integers(value: object, name: str) -> None:
    assert task_id({"id": value}, "id") == name


@pytest.mark.parametrize("value", [None, True, 1.5, " ", []])
def test_other_task_ids_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="key 'id'"):
        task_id({"id": value}, "id")


@pytest.mark.parametrize(
    "name", ["", "1f", "f()", "class", "a.b.c", "f(x)", "a.if", "f;g", "f\n", "²", "f().g().h", "f()g"]
)
def test_entry_points_are_names(name: str) -> None:
    with pytest.raises(InputError, match="key 'e' is"):
        program_name({"e": name}, "e")


def test_chats_become_text() -> None:
    assert text_or_chat({"p": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]}, "p") == "a\n\nb"
    assert text_or_chat({}, "p") == ""
    with pytest.raises(InputError, match=r"key 'p\[0\]\.content' is missing"):
        text_or_chat({"p": [{"role": "user"}]}, "p")


def test_long_values_are_cut() -> None:
    assert len(shown("x" * 1000)) == 80
