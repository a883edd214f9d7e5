"""What kind of task a file holds is seen from its answers."""
from __future__ import annotations

import json

import pytest

from helpers.ladder import kinds
from helpers.ladder.sheet import Columns, read
from helpers.tasks import TaskError, load_task
from tests.ladder.own import lines


def sheet_of(folder, answers: list, **more: list):
    rows = [{"input": f"text {i}", "expected": answer} | {name: values[i] for name, values in more.items()}
            for i, answer in enumerate(answers)]
    return read(lines(folder / "own.jsonl", rows), Columns())


def test_a_few_answers_that_come_again_are_labels(tmp_path):
    task, examples = kinds.task_of(sheet_of(tmp_path, ["Late.", "lost"] * 12))
    assert kinds.kind_of(task) == "labels" and task.labels == ["late", "lost"]
    assert task.score(examples[0], " LATE ").right and not task.score(examples[1], "late").right


def test_seventy_seven_labels_are_labels(tmp_path):
    task, _ = kinds.task_of(sheet_of(tmp_path, [f"intent_{i % 77}" for i in range(154)]))
    assert len(task.labels) == 77


def test_one_label_only_is_refused(tmp_path):
    with pytest.raises(TaskError, match=r"holds one label, 'late': there is nothing to decide"):
        kinds.task_of(sheet_of(tmp_path, ["late"] * 24))


def test_labels_may_be_described(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"Late": "after the\nday"}))
    task, _ = kinds.task_of(sheet_of(tmp_path, ["late", "lost"] * 12), meanings=kinds.meanings_in(path))
    assert task.fields["label"] == {"late": "after the day", "lost": ""}
    with pytest.raises(TaskError, match=r"'torn' is described and is no label of own: it has late, lost"):
        kinds.task_of(sheet_of(tmp_path, ["late", "lost"] * 12), meanings={"torn": "x"})


@pytest.mark.parametrize("content", ["[]", '{"a": 1}', "no"])
def test_descriptions_of_another_form_are_refused(tmp_path, content):
    (tmp_path / "labels.json").write_text(content)
    with pytest.raises(TaskError, match=r"labels\.json"):
        kinds.meanings_in(tmp_path / "labels.json")


def test_answers_in_json_are_records_with_all_their_fields(tmp_path):
    answers = ['{"sum": 12.5, "paid": true}', {"sum": 3, "who": "Ann"}, "[]"] * 8
    task, examples = kinds.task_of(sheet_of(tmp_path, answers))
    assert kinds.kind_of(task) == "records" and task.fields == ["sum", "paid", "who"]
    assert examples[0].expected == [{"sum": 12.5, "paid": True, "who": None}] and examples[2].expected == []
    assert task.score(examples[0], '{"sum": 12.50, "paid": true, "who": null}').right
    assert not task.score(examples[0], '{"sum": 12.5}').valid


def test_a_record_of_records_has_the_shape_of_its_values():
    shape = kinds.shape("r", [{"items": [{"n": 1}, {"n": 2, "x": "a"}], "mixed": 1}, {"items": None, "mixed": "b"}])
    shape.model_validate_json('{"items": [{"n": 3, "x": null}], "mixed": "c"}')
    schema = json.dumps(shape.model_json_schema())
    assert '"additionalProperties": false' in schema and '"required": ["items", "mixed"]' in schema


def test_answers_of_which_one_is_no_json_are_refused_by_its_row(tmp_path):
    with pytest.raises(TaskError, match=r"row24 of own has the answer 'nothing', and other answers are JSON"):
        kinds.task_of(sheet_of(tmp_path, ['{"a": 1}'] * 23 + ["nothing"]))


def test_a_field_whose_name_is_taken_is_refused():
    with pytest.raises(TaskError, match=r"field 'copy'.*'my_copy'"):
        kinds.shape("r", [{"copy": 1}])


def test_free_answers_are_questions_if_there_are_documents(tmp_path):
    answers = [f"{i} days | {i}d" for i in range(20)] + [None]
    task, examples = kinds.task_of(sheet_of(tmp_path, answers, variants=[None] * 20 + [["x"]]), documents=True)
    assert kinds.kind_of(task) == "questions"
    assert examples[3].expected == "3 days" and task.score(examples[3], "It is 3d.").right
    assert task.score(examples[20], "I don't know.").right and not task.score(examples[20], "3 days").right


def test_a_line_without_a_label_is_left_out(tmp_path):
    task, examples = kinds.task_of(sheet_of(tmp_path, ["late", "lost"] * 12 + [None]))
    assert task.labels == ["late", "lost"] and len(examples) == 24


def test_free_answers_alone_are_refused_with_the_ways_out(tmp_path):
    with pytest.raises(TaskError, match=r"24 different answers in 24 rows.*--rules.*--documents"):
        kinds.task_of(sheet_of(tmp_path, [f"Dear customer {i}" for i in range(24)]))


def test_rules_make_free_texts_a_task(tmp_path):
    path = tmp_path / "rules.json"
    path.write_text('{"must_contain": ["regards"], "must_contain_column": "Order"}')
    sheet = sheet_of(tmp_path, ["Dear you"] * 20, order=[f"A{i}" for i in range(20)])
    task, examples = kinds.task_of(sheet, rule_file=path)
    assert kinds.kind_of(task) == "texts" and examples[7].tags["facts"] == ["A7"]
    assert task.score(examples[7], "Order A7, regards").right and not task.score(examples[7], "A8, regards").right
    path.write_text('{"must_contain_column": "nr"}')
    with pytest.raises(TaskError, match=r"rules name a column 'nr', and own has none.*order"):
        kinds.task_of(sheet, rule_file=path)


def test_the_courses_tasks_have_kinds():
    assert [kinds.kind_of(load_task(name)) for name in ("tickets", "invoices", "handbook", "voice")] == \
        ["labels", "records", "questions", "texts"]
