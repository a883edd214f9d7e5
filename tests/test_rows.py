"""A reader's own rows become splits, or a clear sentence."""
from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from helpers.tasks import TaskError, load_task

ROWS = [{"text": f"message {i}", "label": "billing" if i % 4 else "delivery"} for i in range(40)]


def csv_file(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


def jsonl_file(folder: Path, rows: list, encoding: str = "utf-8") -> Path:
    path = folder / "mine.jsonl"
    path.write_bytes("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode(encoding))
    return path


def everything(task) -> list:
    return task.train + task.validation + task.test


# ---------------------------------------------------------------- a reader's own rows

def test_a_csv_becomes_a_task(tmp_path):
    path = csv_file(tmp_path, "Message,Category\n" + "".join(f"text {i},{'AB'[i % 2]}\n" for i in range(20)))
    task = load_task(path)
    assert task.labels == ["a", "b"]
    assert len(everything(task)) == 20
    first = task.train[0]
    assert first.input.startswith("text ") and task.score(first, first.expected.upper()).right


def test_a_jsonl_becomes_a_task(tmp_path):
    task = load_task(jsonl_file(tmp_path, ROWS))
    assert Counter(example.expected for example in everything(task)) == {"billing": 30, "delivery": 10}


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    body = "text,label\na,x\nb,y\n"
    assert len(everything(load_task(csv_file(tmp_path, body, "utf-8-sig")))) == 2
    assert len(everything(load_task(jsonl_file(tmp_path, ROWS, "utf-8-sig")))) == 40


def test_a_line_separator_inside_a_text_does_not_cut_the_line(tmp_path):
    rows = [{"text": "one\u2028two\x85three", "label": "x"}, {"text": "four", "label": "y"}]
    assert "one\u2028two\x85three" in [e.input for e in everything(load_task(jsonl_file(tmp_path, rows)))]


def test_labels_that_are_numbers_or_false_are_labels(tmp_path):
    rows = [{"text": f"t{i}", "label": i % 2} for i in range(10)]
    assert load_task(jsonl_file(tmp_path, rows)).labels == ["0", "1"]
    rows = [{"text": f"t{i}", "label": bool(i % 2)} for i in range(10)]
    assert load_task(jsonl_file(tmp_path, rows)).labels == ["false", "true"]


def test_rows_without_text_or_label_are_left_out(tmp_path):
    path = csv_file(tmp_path, "text,label\na,x\n,x\nb,\n  ,y\nc,y\n")
    assert sorted(example.input for example in everything(load_task(path))) == ["a", "c"]


@pytest.mark.parametrize(("body", "said"), [
    ("", r"mine\.csv has no rows"),
    ("text,label\n", r"mine\.csv has no rows"),
    ("words,label\na,x\n", r"no column of texts: it has words, label.*'input'"),
    ("text,colour\na,x\n", r"no column of labels: it has text, colour.*'label'"),
    ("text,label\na,x\nb,X.\n", r"'label' of mine\.csv holds 1 label: a task needs at least two"),
    ("text,label,split\na,x,train\nb,y,dev\n", r"'dev'.*train, validation, test"),
    ("text,label,split\na,x,train\nb,y,\n", r"'' somewhere.*train, validation, test"),
    ("id,text,label\n1,a,x\n1,b,y\n", r"mine\.csv.*'1'"),
])
def test_a_csv_that_is_no_task_gets_a_sentence_that_names_the_fault(tmp_path, body, said):
    with pytest.raises(TaskError, match=said):
        load_task(csv_file(tmp_path, body))


@pytest.mark.parametrize("name", ["mine.csv", "mine.jsonl"])
def test_text_that_is_not_utf8_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes('text,label\nKäse,x\n'.encode("latin-1"))
    with pytest.raises(TaskError, match=f"{name} is not UTF-8"):
        load_task(path)


@pytest.mark.parametrize("line", ["{not json", "5", '["a", "x"]', "null"])
def test_a_line_that_is_no_json_object_is_named_by_its_number(tmp_path, line):
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n\n' + line + "\n")
    with pytest.raises(TaskError, match=r"mine\.jsonl, line 3 .*JSON object"):
        load_task(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"There is no file .*absent\.csv"):
        load_task(tmp_path / "absent.csv")


# ---------------------------------------------------------------- splits

def test_a_split_column_decides(tmp_path):
    rows = [row | {"split": ("train", "validation", "test")[i % 3]} for i, row in enumerate(ROWS)]
    task = load_task(jsonl_file(tmp_path, rows))
    assert [e.input for e in task.test] == [row["text"] for row in rows if row["split"] == "test"]


def test_without_one_every_row_is_in_exactly_one_split_the_same_way_every_time(tmp_path):
    path = jsonl_file(tmp_path, ROWS)
    first, second = load_task(path), load_task(path)
    assert sorted(e.input for e in everything(first)) == sorted(row["text"] for row in ROWS)
    assert [e.id for e in everything(first)] == [e.id for e in everything(second)]
    numbers = [int(example.id.removeprefix("row")) for example in first.train]
    assert numbers != sorted(numbers)


def test_each_label_is_split_in_the_same_shares(tmp_path):
    task = load_task(jsonl_file(tmp_path, ROWS))
    counts = [Counter(e.expected for e in split) for split in (task.train, task.validation, task.test)]
    assert [count["billing"] for count in counts] == [18, 4, 8]
    assert [count["delivery"] for count in counts] == [6, 2, 2]


def test_columns_are_found_however_their_names_are_spelled(tmp_path):
    rows = "\n".join(f"a{i}, message {i}, {'x' if i % 2 else 'y'}, {'train' if i < 4 else 'test'}" for i in range(6))
    task = load_task(csv_file(tmp_path, "ID, Text, Label, Split\n" + rows.replace(", ", ",")))
    assert (len(task.train), len(task.test)) == (4, 2) and task.train[0].id == "a0"


def test_a_first_row_without_a_label_does_not_hide_the_column(tmp_path):
    rows = [{"text": "no label here"}, *ROWS]
    assert len(everything(load_task(jsonl_file(tmp_path, rows)))) == len(ROWS)


def test_an_ending_in_capitals_and_a_cell_that_is_too_large(tmp_path):
    path = csv_file(tmp_path, "text,label\n" + "\n".join(f"message {i},{'ab'[i % 2]}" for i in range(9)))
    assert len(everything(load_task(path.rename(tmp_path / "MINE.CSV")))) == 9
    with pytest.raises(TaskError, match="not a table that can be read"):
        load_task(csv_file(tmp_path, "text,label\n" + "x" * 200_000 + ",a"))
