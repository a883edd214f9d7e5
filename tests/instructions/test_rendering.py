"""Prompts vary in everything but the truth: whatever the wording, the answer follows from what the prompt tells."""
from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from helpers.instructions.collection import SmallTask, load
from helpers.instructions.rendering import COPIED, MIXED, PLAIN, Frame, lay_out, passage_frame, render

TASKS = [task for task in load("train") if task.kind != "choose"]
LABELS = SmallTask("inn/rooms", "label", "Rooms", ["Which room?"], "note",
                   [{"text": f"text {i}", "answer": ("attic", "cellar", "hall")[i % 3]} for i in range(18)],
                   labels={"attic": "under the roof", "cellar": "under the ground", "hall": "where one comes in"})


def drawn(task: SmallTask, times: int) -> list:
    return [conversation for seed in range(times) for conversation in render(task, Random(seed))]


def said_before_the_answer(conversation) -> str:
    return "\n".join(message["content"] for message in conversation.messages[:-1])


def test_the_same_seed_renders_the_same_prompt():
    assert render(LABELS, Random(4)) == render(LABELS, Random(4)) != render(LABELS, Random(5))


@pytest.mark.parametrize("kind", sorted({task.kind for task in TASKS}))
def test_every_conversation_ends_in_an_answer_that_is_learned(kind):
    task = next(task for task in TASKS if task.kind == kind)
    for conversation in drawn(task, 40):
        roles = [message["role"] for message in conversation.messages]
        assert roles[-1] == "assistant" and len(roles) - 1 in conversation.learned
        assert all(roles[position] == "assistant" for position in conversation.learned)
        spoken = [role for role in roles if role != "system"]
        assert spoken == ["user", "assistant"] * (len(spoken) // 2)
        assert all(message["content"].strip() for message in conversation.messages)


def test_a_question_is_never_among_its_own_examples():
    for seed in range(200):
        for conversation in render(LABELS, Random(seed)):
            *before, question, _ = conversation.messages
            asked = re.findall(r"text \d+", question["content"])[-1]
            others = [text for message in before for text in re.findall(r"text \d+", message["content"])]
            assert asked not in others


def test_questions_of_one_prompt_begin_alike():
    for seed in range(60):
        prompts = render(LABELS, Random(seed))
        beginnings = {json.dumps(prompt.messages[:-2]) for prompt in prompts}
        assert len(beginnings) == 1


def test_labels_under_another_name_are_told_by_descriptions_or_shown_one_by_one():
    untold = 0
    for seed in range(300):
        for conversation in render(LABELS, Random(seed)):
            whole = said_before_the_answer(conversation)
            answer = conversation.messages[-1]["content"].lower()
            if "under the" in whole or any(name in answer for name in LABELS.labels):
                continue
            untold += 1
            assert conversation.learned == [len(conversation.messages) - 1]     # its examples cannot be guessed
            label = json.loads(answer).popitem()[1] if answer.startswith("{") else answer
            assert whole.lower().count(label) >= 2      # in the list, and as an example's answer
    assert untold > 20


def test_the_plain_lesson_leaves_the_labels_their_names():
    for seed in range(60):
        for conversation in render(LABELS, Random(seed), PLAIN):
            answer = conversation.messages[-1]["content"].lower()
            assert any(label in answer for label in LABELS.labels)


def test_opaque_names_are_always_described():
    opaque = replace(LABELS, opaque=True)
    for conversation in drawn(opaque, 100):
        last_alone = conversation.learned == [len(conversation.messages) - 1]
        assert "under the" in said_before_the_answer(conversation) or last_alone


def test_a_question_whose_passage_is_not_shown_is_declined():
    task = next(task for task in TASKS if task.kind == "passage")
    answers = {item["question"]: item["answer"] for item in task.items}
    pages = {item["question"]: task.passages[item["passage"]] for item in task.items}
    count = Counter()
    for seed in range(60):
        frame = passage_frame(task, Random(seed), MIXED)
        for given, answer in frame.asked:
            question = given.rpartition("Question: ")[2]
            there = answers[question] is not None and pages[question] in frame.instruction + given
            count[there] += 1
            assert (answer == answers[question]) if there else (answer != answers[question])
    assert 0.25 < count[False] / count.total() < 0.45      # so that declining is no good guess


def test_examples_may_stand_in_the_instruction_and_answers_stay_right():
    frame = Frame("Do it.", [("c", "3")], [("a", "1"), ("b", "2")])
    inside = [lay_out(frame, Random(seed))[0] for seed in range(40)]
    assert {len([m for m in one.messages if m["role"] == "assistant"]) for one in inside} == {1, 3}
    assert all(one.messages[-1]["content"] == "3" and "1" in str(one.messages[:-1]) for one in inside)


def test_examples_that_the_prompt_explains_are_learned_once():
    frame = Frame("Do it.", [("c", "3"), ("d", "4")], [("a", "1"), ("b", "2")])
    for seed in range(20):
        first, second = lay_out(frame, Random(seed))
        assert len(first.learned) in (1, 3) and len(second.learned) == 1
        untold = lay_out(replace(frame, telling=False), Random(seed))
        assert [len(one.learned) for one in untold] == [1, 1]




def test_fresh_keys_stand_in_the_prompt_and_in_the_answer():
    task = next(task for task in load("train") if task.kind == "fields")
    answers = []
    for seed in range(40):
        for conversation in render(task, Random(seed), replace(COPIED, fresh_keys=1.0)):
            answer = conversation.messages[-1]["content"]
            if answer.startswith("{"):
                answers.append(json.loads(answer))
                assert all(key in said_before_the_answer(conversation) for key in answers[-1])
    assert answers
    assert not {key for answer in answers for key in answer} & set(task.fields)
