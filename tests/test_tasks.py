"""Tasks: each kind reads replies strictly and scores them."""
from __future__ import annotations

import json

import pytest

from helpers.tasks import DATA, Example, Score, TaskError, load_task
from tests.talking import examples, mini_task

# ---------------------------------------------------------------- score of records

INVOICE = {"vendor": "Larkfont LLC", "invoice_number": "LF-1", "date": "2025-11-28", "currency": "USD", "amount": 49.0,
           "items": []}


def scored(expected: list[dict], reply: object, exact: bool = False) -> Score:
    task = load_task("invoices")
    return task.score(Example("x", "…", expected, {}, task), reply, exact)


def test_a_record_is_valid_and_right_field_by_field():
    score = scored([INVOICE], json.dumps(INVOICE | {"amount": 50}))
    assert (score.valid, score.right) == (True, False)
    assert [field for field, right in score.fields.items() if not right] == ["amount"]


def test_a_record_that_means_the_right_thing_in_a_form_no_program_takes_is_not_valid():
    score = scored([INVOICE], json.dumps(INVOICE | {"date": "28.11.2025"}))
    assert (score.valid, score.right, score.fields["date"]) == (False, False, True)
    assert not scored([INVOICE], json.dumps(INVOICE | {"date": "28.11.2025"}), exact=True).fields["date"]


@pytest.mark.parametrize("reply", ["The vendor is Larkfont.", "", None, '{"vendor": "Larkfont'])
def test_what_is_no_json_has_no_field_right(reply):
    assert scored([INVOICE], reply) == Score(False, False, dict.fromkeys(INVOICE, False))


def test_one_invoice_for_two_or_one_where_there_is_none_is_wrong():
    assert not any(scored([INVOICE, INVOICE], json.dumps(INVOICE)).fields.values())
    assert not any(scored([], json.dumps(INVOICE)).fields.values())
    assert scored([INVOICE, INVOICE], [INVOICE, INVOICE]).right
    assert scored([], json.dumps(dict.fromkeys(INVOICE) | {"items": []})).right


# ---------------------------------------------------------------- score

@pytest.mark.parametrize("reply", ["delivery", " Delivery. ", '"delivery"', "**delivery**", "`delivery`\n",
                                   '{"category": "delivery"}', {"category": "delivery"},
                                   '{"category": "delivery", "why": "it is late"}',
                                   ' {"category": "delivery", "priority": "low"}'])
def test_a_label_and_nothing_more_is_right(reply):
    scored = mini_task().score(examples(1)[0], reply)
    assert (scored.valid, scored.right) == (True, True)


@pytest.mark.parametrize("reply", ["It is not billing", "not delivery", "delivery or billing", "nondelivery",
                                   "deliver", "The category is delivery", "", None, {}, "[]",
                                   '{"category": "delivery"', '{"category": "delivery"} I hope',
                                   '{"category": "late"}', '{"category": "Delivery"}', '{"priority": "low"}',
                                   '{"category": "delivery", "priority": "soon"}', '{"category": null}',
                                   '{"category": ["delivery"]}', '{"category": {"delivery": 1}}',
                                   {"category": 3}, '{"category":' * 50_000])
def test_what_code_could_not_use_is_neither_valid_nor_right(reply):
    scored = mini_task().score(examples(1)[0], reply)
    assert (scored.valid, scored.right) == (False, False)


def test_a_wrong_label_is_valid_and_not_right():
    assert mini_task().score(examples(1)[0], "billing") == Score(True, False, {"category": False})


def test_incorrect_never_counts_as_correct():
    task = mini_task()
    task.fields["category"] = {"correct": "", "incorrect": ""}
    example = examples(1, task)[0]
    right = type(example)("e", "text", "correct", {}, task)
    assert not task.score(right, "incorrect").right
    assert task.score(right, "correct").right


def test_each_answered_field_is_scored_and_one_not_answered_is_absent():
    task = mini_task()
    example = type(examples(1)[0])("e", "text", {"category": "billing", "priority": "low"}, {}, task)
    assert task.score(example, {"category": "billing", "priority": "high"}).fields == {"category": True,
                                                                                       "priority": False}
    assert task.score(example, "billing").fields == {"category": True}


# ---------------------------------------------------------------- the course's tasks

def test_an_unknown_task_names_the_ways_to_have_one():
    with pytest.raises(TaskError, match=r"no task 'tickts'.*\.csv"):
        load_task("tickts")


@pytest.mark.skipif(not (DATA / "tickets" / "task.json").exists(), reason="the tickets are not written yet")
def test_every_ticket_of_the_course_scores_right_with_its_own_answer():
    task = load_task("tickets")
    assert all(task.score(example, example.expected).right for example in task.train + task.validation + task.test)
    assert task.train and task.validation and task.test and task.guide


# ---------------------------------------------------------------- questions on pages

def answered(kind: str, reply: str) -> Score:
    task = load_task("handbook")
    return task.score(next(example for example in task.test if example.tags["kind"] == kind), reply)


def test_a_question_without_an_answer_is_right_when_declined():
    assert answered("unanswerable", "I don't know.").right
    assert not answered("unanswerable", "Yes, every day.").right


def test_a_question_with_an_answer_is_right_when_it_is_there_and_not_taken_back():
    example = next(example for example in load_task("handbook").test if example.tags["kind"] == "single")
    said = example.tags["variants"][0]
    assert example.task.score(example, f"It is {said}.").right
    taken_back = example.task.score(example, f"{said}, but the page does not say.")
    assert taken_back == Score(False, False, {"answered": False})
    assert not example.task.score(example, "I don't know.").right
    assert not example.task.score(example, None).valid
