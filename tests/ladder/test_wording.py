"""How each kind of task is put to a model."""
from __future__ import annotations

import json

import pytest

from helpers import prompts
from helpers.ladder import wording
from helpers.ladder.kinds import shape
from helpers.ladder.records import OwnRecords
from helpers.local.engine import json_grammar
from helpers.tasks import AnswerTask, Example, LabelTask, load_task

TASK = LabelTask("own", {"label": {"late": "after the day", "lost": ""}}, "label")
SHOT = Example("s", "where", "lost", {}, TASK)


def test_the_first_forms_of_labels_are_those_of_the_course():
    plain, described = wording.forms(TASK)["prompt"]
    assert plain.messages("Hi") == prompts.plain(TASK, "Hi") and plain.limit == 24
    assert described.messages("Hi") == prompts.described(TASK, "Hi") and described.name == "labels described"
    assert wording.forms(TASK)["schema"][0].settings == {"response_format": prompts.label_schema(TASK)}


def test_shots_are_turns_with_answers_as_the_form_writes_them():
    plain, under = wording.forms(TASK)["prompt"][0], wording.forms(TASK)["schema"][0]
    assert [turn["role"] for turn in plain.messages("Hi", [SHOT])] == ["system", "user", "assistant", "user"]
    assert [form.messages("Hi", [SHOT])[2]["content"] for form in (plain, under)] == ["lost", '{"label": "lost"}']


def test_passages_stand_in_the_system_prompt():
    form = wording.forms(TASK)["prompt"][0]
    assert form.messages("Hi", passages=["At ten."])[0]["content"].endswith("Passage 1: At ten.")
    question = AnswerTask("own")
    read = wording.reading_form(wording.forms(question)["prompt"][0], question)
    assert read.messages("When?", passages=["At ten."]) == prompts.from_passages("When?", ["At ten."])


def test_a_readers_own_words_go_in_front():
    for form in wording.forms(TASK, "A shop for the home.")["prompt"]:
        assert form.messages("Hi")[0] == {"role": "system", "content": form.messages("Hi")[0]["content"]}
        assert form.messages("Hi")[0]["content"].startswith("A shop for the home.")


def test_a_tuned_model_is_asked_in_short():
    assert wording.tuned_form(TASK).messages("Hi")[0]["content"] == "Give the label of the message."


@pytest.mark.parametrize("several", [False, True])
def test_records_have_a_schema_that_the_engine_takes_and_an_answer_that_fits_it(several):
    task = OwnRecords("own", shape("record", [{"sum": 1.5, "items": [{"n": 1, "what": "a"}], "paid": True}]))
    gold = {"sum": 1.5, "items": [{"n": 1, "what": "a"}], "paid": None}
    task.train = [Example("e", "text", [gold] * (1 + several), {}, task)]
    [form] = wording.forms(task)["schema"]
    schema = form.settings["response_format"]["json_schema"]["schema"]
    assert schema["type"] == "object" and json_grammar(schema)
    assert "- sum: number\n- items: list\n- paid: true or false" in form.system
    reply = wording.unwrapped(task, form.answer(task.train[0]))
    assert task.score(task.train[0], reply).right
    assert wording.unwrapped(task, "no records") == "no records"


def test_free_words_have_no_schema():
    for name in ("handbook", "voice"):
        found = wording.forms(load_task(name))
        assert found["schema"] == [] and len(found["prompt"]) == 1


def test_an_unanswerable_question_is_shown_as_one():
    task = AnswerTask("own")
    assert wording.forms(task)["prompt"][0].answer(Example("e", "x", None, {}, task)) == "I don't know."


def test_tokens_are_counted_by_bytes():
    assert [wording.tokens(text) for text in ("", "word", "Where is it?", "где посылка")] == [0, 1, 3, 6]


def test_an_answer_in_json_is_long_enough():
    labels = {f"a label of many words, number {n}": "" for n in range(3)}
    form = wording.forms(LabelTask("own", {"label": labels}, "label"))["schema"][0]
    assert form.limit >= 12 + len(json.dumps({"label": max(labels)})) // 4
