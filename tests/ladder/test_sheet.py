"""A reader's file becomes lines, or one sentence that says what would do."""
from __future__ import annotations

import pytest

from helpers.ladder.sheet import Columns, read
from helpers.tasks import TaskError
from tests.ladder.own import lines, table

ROWS = [(f"message {i}", "ab"[i % 2], f"customer {i % 5}") for i in range(24)]


def test_a_table_is_read_by_the_usual_names(tmp_path):
    found = read(table(tmp_path / "a.csv", ("Message", "Category", "customer"), ROWS), Columns())
    assert (found.name, found.answers, found.left_out, len(found.lines)) == ("a", "category", 0, 24)
    first = found.lines[0]
    assert (first.id, first.input, first.expected, first.more) == ("row1", "message 0", "a", {"customer": "customer 0"})


@pytest.mark.parametrize(("name", "mark"), [("a.tsv", "\t"), ("a.csv", ";"), ("A.CSV", ",")])
def test_tabs_and_semicolons_part_columns_too(tmp_path, name, mark):
    assert len(read(table(tmp_path / name, ("text", "label", "c"), ROWS, mark), Columns()).lines) == 24


def test_columns_and_groups_may_be_named(tmp_path):
    path = table(tmp_path / "a.csv", ("words", "Colour", "customer"), ROWS)
    found = read(path, Columns("Words", "colour", "customer"))
    assert found.lines[6].group == "customer 1" and found.lines[6].expected == "a"


@pytest.mark.parametrize(("columns", "said"), [
    (Columns(), r"a\.csv has no column of texts: it has words, colour, customer\..*--input.*'input'"),
    (Columns("words"), r"no column of answers: it has words.*--expected.*'expected'"),
    (Columns("words", "label"), r"no column called 'label': it has words"),
    (Columns("words", "colour", "shop"), r"no column called 'shop'.*--group"),
])
def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path, columns, said):
    path = table(tmp_path / "a.csv", ("words", "colour", "customer"), ROWS)
    with pytest.raises(TaskError, match=said):
        read(path, columns)


def test_two_rows_are_refused_with_how_many_would_do(tmp_path):
    with pytest.raises(TaskError, match=r"few\.csv has 2 rows.*Label at least 10 rows for each label, and 20 in all"):
        read(table(tmp_path / "few.csv", ("text", "label"), [("one", "a"), ("two", "b")]), Columns())


def test_rows_without_a_text_or_an_answer_are_counted(tmp_path):
    path = table(tmp_path / "a.csv", ("text", "label"), [*(row[:2] for row in ROWS), ("", "a"), ("b", " ")])
    assert read(path, Columns()).left_out == 2


def test_null_in_json_is_an_answer_and_a_missing_one_is_none(tmp_path):
    path = lines(tmp_path / "q.jsonl", [{"question": f"q{i}", "answer": None} for i in range(20)] + [{"question": "x"}])
    found = read(path, Columns())
    assert len(found.lines) == 20 and found.left_out == 1


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.xlsx", b"PK", r"ends in '\.xlsx', and rows are read from \.csv, \.tsv, \.jsonl.*CSV UTF-8"),
    ("a.csv", b"text,label\nK\xe4se,a\n", "not UTF-8 text. Save it as 'CSV UTF-8'"),
    ("a.tsv", b"", "has no rows"),
    ("a.csv", b"text,label\n" + b"x" * 200_000 + b",a", "not a table that can be read"),
])
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TaskError, match=said):
        read(tmp_path / name, Columns())


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TaskError, match=r"There is no file absent\.csv"):
        read(tmp_path / "absent.csv", Columns())


@pytest.mark.parametrize(("head", "value", "said"), [("id", "1", "several rows with the id '1'"),
                                                     ("split", "dev", "'dev'.*train, validation, test")])
def test_ids_and_splits_that_do_not_hold_are_named(tmp_path, head, value, said):
    with pytest.raises(TaskError, match=said):
        read(table(tmp_path / "a.csv", ("text", "label", head), [(*row[:2], value) for row in ROWS]), Columns())
