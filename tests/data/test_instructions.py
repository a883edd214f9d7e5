"""The instruction data are what their card says, and share nothing with the course's own tasks."""
from __future__ import annotations

import csv
import json
from collections import Counter
from functools import cache

import numpy as np
import pytest

from helpers.instructions.collection import FOLDER, SPLITS, choices, load
from helpers.provider import embed
from helpers.tasks import DATA, load_task
from tests import authored

TASKS = load()
SPLIT = {split: load(split) for split in SPLITS}
ITEMS = {"label": (22, 30), "yes_no": (19, 26), "tone": (19, 26), "reason": (17, 24), "fields": (17, 24),
         "extract": (17, 24), "passage": (19, 31), "choose": (17, 24), "rewrite": (15, 22), "format": (17, 24)}
QUESTIONS = {f"{task.name}/{i}": f"{item['passage']}: {item['question']}"
             for task in TASKS for i, item in enumerate(task.items) if "question" in item}
TEXTS = QUESTIONS | {f"{task.name}/{i}": item["text"]
                     for task in TASKS for i, item in enumerate(task.items) if "text" in item}
PASSAGES = {f"{task.name}/{name}": text for task in TASKS for name, text in task.passages.items()}
SHOP = {"refund", "refunds", "invoice", "invoices", "courier", "checkout", "newsletter", "parcel", "parcels"}


def ids(tasks) -> set[str]:
    return {task.name for task in tasks}


def test_every_task_is_in_one_split():
    assert len(TASKS) >= 120
    assert sum(map(len, SPLIT.values())) == len(TASKS) == len(set().union(*map(ids, SPLIT.values())))
    assert len(SPLIT["development"]) == 25
    assert len(SPLIT["unseen"]) >= len(TASKS) // 5


def test_seven_walks_of_life_and_one_kind_are_unseen():
    seen = SPLIT["train"] + SPLIT["more"] + SPLIT["pages"] + SPLIT["development"]
    assert len({task.walk for task in TASKS}) >= 15
    assert len({task.walk for task in SPLIT["unseen"]} - {task.walk for task in seen}) == 7
    assert {task.kind for task in SPLIT["unseen"]} - {task.kind for task in seen} == {"choose"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_is_whole(task):
    low, high = ITEMS[task.kind]
    assert low <= len(task.items) <= high
    assert len(set(task.asks)) >= 4
    if task.labelled:
        count = Counter(item["answer"] for item in task.items)
        assert set(count) == set(task.labels) and min(count.values()) >= 2
    for item in task.items:
        answer = item["answer"]
        if task.kind == "extract":
            assert answer is None or answer in item["text"]
        elif task.kind in ("passage", "choose"):
            assert answer is None or answer in task.passages[item["passage"]]
        elif task.kind == "fields":
            assert set(answer) == set(task.fields)
            assert all(value is None or not choices(task.fields[name]) or value in choices(task.fields[name])
                       for name, value in answer.items())


def test_no_text_occurs_twice():
    assert authored.exact_duplicates(TEXTS) == []


def test_no_four_word_phrase_is_in_more_than_half_a_percent():
    assert authored.stock_phrases(list(TEXTS.values()), share=0.005) == []


def test_no_task_speaks_of_a_shops_support_desk():
    found = {name: words for name, text in TEXTS.items() if (words := SHOP & set(text.lower().split()))}
    assert len(found) <= 3, found


# ---------------------------------------------------------------- nothing of the course is in it

def course_texts() -> dict[str, str]:
    tasks = [load_task(name) for name in ("tickets", "invoices", "voice", "handbook")]
    return {f"{task.name} {example.id}": example.input for task in tasks
            for example in task.train + task.validation + task.test}


def course_label_sets() -> list[set[str]]:
    definitions = [json.loads(path.read_text(encoding="utf-8")) for path in DATA.glob("*/task.json")]
    return [set(labels) for definition in definitions for labels in definition["fields"].values()]


@cache
def vectors() -> np.ndarray:
    return embed(list((TEXTS | PASSAGES).values()))


def test_no_text_of_the_course_is_in_the_instructions():
    assert authored.exact_duplicates(TEXTS | course_texts()) == []


@pytest.mark.live
def test_no_text_tells_what_another_tells():
    # questions on different passages may be the same: "What is the dog called?"
    told = [(i, name) for i, name in enumerate(TEXTS | PASSAGES) if name not in QUESTIONS]
    places, names = zip(*told, strict=True)
    assert authored.near_duplicates(names, vectors()[list(places)], limit=0.9) == []


@pytest.mark.live
def test_no_text_is_like_one_of_the_course():
    ours, course = list(TEXTS | PASSAGES), course_texts()
    likest = vectors() @ embed(list(course.values())).T
    assert [(ours[i], list(course)[j]) for i, j in np.argwhere(likest > 0.8)] == []


def test_no_list_of_labels_is_one_of_the_course():
    for task in TASKS:
        for labels in course_label_sets():
            shared = set(task.labels) & labels
            assert len(shared) < max(2, len(labels) // 2), (task.name, shared)


# ---------------------------------------------------------------- labelled twice

def test_the_second_labels_agree_as_the_card_says():
    with (FOLDER / "labels_second.csv").open(encoding="utf-8") as file:
        second = {(row["task"], int(row["item"])): row["second"] for row in csv.DictReader(file)}
    first = {(task.name, i): item["answer"] for task in TASKS if task.labelled for i, item in enumerate(task.items)}
    assert set(first) == set(second)
    agreed = sum(first[key] == second[key] for key in first)
    assert f"{agreed:,} of {len(first):,}" in (FOLDER / "card.md").read_text(encoding="utf-8")
