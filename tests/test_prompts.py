"""Prompts name every label, and the schema allows nothing else."""
from __future__ import annotations

from jsonschema import Draft202012Validator

from helpers import prompts
from helpers.answers import declines
from helpers.tasks import Example, load_task

TASK = load_task("tickets")


def test_a_plain_prompt_is_one_turn_with_the_labels_and_the_message():
    (turn,) = prompts.plain(TASK, "where is it?")
    assert turn["role"] == "user" and turn["content"].endswith("Message: where is it?")
    assert ", ".join(TASK.labels) in turn["content"]


def test_a_described_prompt_keeps_the_message_apart_so_that_the_system_prompt_is_shared():
    first, second = (prompts.described(TASK, text) for text in ("one", "two"))
    assert first[0] == second[0] and first[0]["role"] == "system"
    assert [turns[1]["content"] for turns in (first, second)] == ["one", "two"]
    assert all(f"- {label}: {meaning}" in first[0]["content"] for label, meaning in TASK.fields["category"].items())


def test_examples_are_turns_between_the_system_prompt_and_the_text():
    shots = [Example("a", "Late!", "delivery"), Example("b", "Broken!", "faulty")]
    turns = prompts.with_examples("Sort.", shots, "Lost!", lambda shot: shot.expected)
    assert [turn["content"] for turn in turns] == ["Sort.", "Late!", "delivery", "Broken!", "faulty", "Lost!"]
    assert [turn["role"] for turn in turns] == ["system", *["user", "assistant"] * 2, "user"]


def test_passages_are_numbered_between_the_rule_and_the_question():
    system, user = prompts.from_passages("When?", ["At ten.", "On Sunday."], "Read.")
    assert system["content"] == "Read.\n\nPassage 1: At ten.\n\nPassage 2: On Sunday."
    assert user == {"role": "user", "content": "When?"}


def test_the_schema_allows_each_label_and_nothing_else():
    validator = Draft202012Validator(prompts.label_schema(TASK)["json_schema"]["schema"])
    assert all(validator.is_valid({"category": label}) for label in TASK.labels)
    assert not any(validator.is_valid(wrong) for wrong in ({"category": "shipping"}, {}, {"category": "other", "x": 1}))


def test_without_pages_there_is_a_way_out():
    system, user = prompts.without_pages("When?")
    assert declines(system["content"].partition("reply: ")[2]) and user == {"role": "user", "content": "When?"}
