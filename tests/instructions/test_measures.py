"""What counts as right and as valid, and that every measure asks what it says."""
from __future__ import annotations

import json

import pytest

from helpers.instructions.collection import load
from helpers.instructions.measures import DECLINED, FRESH_CODES, HELD, MEASURES, WORDINGS, Question
from helpers.instructions.rendering import PHRASES

TASKS = load("development")


def nearest(task, item):
    return [other for other in task.items if other is not item]


def question(expected, **how) -> Question:
    return Question("q", [{"role": "user", "content": "?"}], expected, **how)


@pytest.mark.parametrize(("reply", "valid", "right"), [
    ("attic", True, True), (" Attic. ", True, True), ("cellar", True, False), ("the attic, I think", False, False),
    ("", False, False)])
def test_a_bare_label_must_be_a_label_and_nothing_else(reply, valid, right):
    asked = question("attic", allowed=("attic", "cellar"))
    assert (asked.valid(reply), asked.right(reply)) == (valid, right)


@pytest.mark.parametrize(("reply", "valid", "right"), [
    ('{"label": "attic"}', True, True), ('{"label": "cellar"}', True, False), ('{"label": 3}', False, False),
    ('{"name": "attic"}', False, False), ('{"label": "attic"', False, False)])
def test_a_label_in_json_stands_under_its_key(reply, valid, right):
    asked = question("attic", key="label", allowed=("attic", "cellar"))
    assert (asked.valid(reply), asked.right(reply)) == (valid, right)


@pytest.mark.parametrize(("reply", "valid", "right"), [
    ('{"who": "Ann", "age": null}', True, True), ('{"who": "Ann", "age": 3}', True, False),
    ('{"who": "Ann"}', False, False), ('{"who": "Ann", "age": null, "x": 1}', False, False),
    ("Ann", False, False), ('["Ann"]', False, False)])
def test_json_asked_for_in_words_has_exactly_the_keys(reply, valid, right):
    asked = question({"who": "Ann", "age": None}, as_json=True)
    assert (asked.valid(reply), asked.right(reply)) == (valid, right)


@pytest.mark.parametrize(("reply", "right"), [
    ("nine days", True), ("It takes Nine days.", True), ("ninety days", False), ("nine", False)])
def test_an_answer_from_a_passage_may_stand_in_a_sentence(reply, right):
    assert question("nine days", loose=True).right(reply) is right


def test_the_schema_allows_the_labels_and_nothing_else():
    schema = question("a", key="label", allowed=("a", "b")).schema["json_schema"]["schema"]
    assert schema["properties"]["label"]["enum"] == ["a", "b"] and schema["additionalProperties"] is False
    assert question("a").schema is None


@pytest.mark.parametrize("name", [name for name in MEASURES if "unseen kind" not in name])
def test_every_measure_asks_each_question_once_and_can_be_answered_rightly(name):
    questions = MEASURES[name](TASKS, nearest)
    assert questions and len({asked.id for asked in questions}) == len(questions)
    for asked in questions:
        reply = json.dumps(asked.expected if asked.as_json else {asked.key: asked.expected}) \
            if asked.as_json or asked.key else asked.expected
        assert asked.valid(reply) and asked.right(reply)


def test_all_label_measures_ask_about_the_same_items():
    names = ("bare question", "label names, schema", "described labels, schema", "5 fixed examples",
             "10 fixed examples", "5 nearest examples", "renamed labels", "swapped labels in 10 examples",
             "a label as JSON, in words")
    assert len({tuple(asked.id for asked in MEASURES[name](TASKS, nearest)) for name in names}) == 1


def test_no_question_shows_its_own_answer_among_the_examples():
    for asked in MEASURES["10 fixed examples"](TASKS, nearest):
        assert len(asked.messages) == 2 + 2 * HELD
        assert asked.messages[-1] not in asked.messages[:-1]


def test_swapped_examples_contradict_the_tasks_own_labels():
    task = next(task for task in TASKS if task.kind == "label")
    asked = MEASURES["swapped labels in 10 examples"]([task], nearest)[0]
    shown = [json.loads(turn["content"])["label"] for turn in asked.messages[2:-1:2]]
    assert all(label != item["answer"] for label, item in zip(shown, task.items, strict=False))
    assert not any(told in asked.messages[0]["content"] for told in task.labels.values())


def test_codes_of_the_measure_are_not_those_of_training():
    trained = {code for codes in PHRASES["label codes"] for code in codes.split()}
    trained |= {label for task in load("train") for label in task.labels}
    assert not set(FRESH_CODES) & trained


def test_questions_without_an_answer_are_to_be_declined():
    assert {asked.expected for asked in MEASURES["not in the passage"](TASKS, nearest)} == {DECLINED}


def test_every_wording_lists_every_label():
    task = next(task for task in TASKS if task.kind == "label")
    for name, write in WORDINGS.items():
        whole = " ".join(message["content"] for message in write(task, "the text"))
        assert "the text" in whole and all(label in whole for label in task.labels), name
