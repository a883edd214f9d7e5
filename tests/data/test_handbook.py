"""The handbook's questions are what their card says, and their answers stand where it says they do."""
from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from helpers import answers
from helpers.documents import read_folder
from helpers.tasks import DATA, load_task
from tests import authored

FOLDER = DATA / "handbook"
TASK = load_task("handbook")
ALL = TASK.validation + TASK.test
PAGES = {document.source.removesuffix(".md"): document.text for document in read_folder(FOLDER / "pages")}
CARD = (FOLDER / "card.md").read_text(encoding="utf-8")


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def gold_text(example) -> str:
    return " ".join(PAGES[gold["page"]][gold["start"]:gold["end"]] for gold in example.tags["gold"])


def test_there_are_60_pages_of_150_to_500_words():
    assert len(PAGES) == 60
    assert all(150 <= len(text.split()) <= 500 for text in PAGES.values())
    assert all(text.startswith("# ") for text in PAGES.values())


def test_there_are_240_questions_in_the_kinds_and_splits_the_card_states():
    assert (len(TASK.train), len(TASK.validation), len(TASK.test)) == (0, 60, 180)
    kinds = Counter(example.tags["kind"] for example in ALL)
    assert kinds == {"single": 150, "two": 30, "unanswerable": 40, "changed": 20}
    assert all(f"| `{kind}` | {count} |" in CARD for kind, count in kinds.items())
    of_validation = Counter(example.tags["kind"] for example in TASK.validation)
    assert all(abs(of_validation[kind] - count / 4) <= 1 for kind, count in kinds.items())


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_gold_passages_stand_in_their_pages_and_hold_an_answer(example):
    gold = example.tags["gold"]
    if example.expected is None:
        assert example.tags["kind"] == "unanswerable" and not gold and not example.tags["variants"]
        return
    assert gold and all(0 <= one["start"] < one["end"] <= len(PAGES[one["page"]]) for one in gold)
    assert all(one["end"] - one["start"] <= 400 for one in gold)
    assert len(gold) > 1 or example.tags["kind"] != "two"
    assert TASK.score(example, f"{example.expected}, {example.tags['variants'][0]}").right
    assert not TASK.score(example, "I don't know.").right


def test_the_answer_stands_in_its_passage_but_for_as_many_as_the_card_says():
    missing = [example.id for example in ALL if example.tags["kind"] == "single" and not answers.holds(
        re.sub(r"[*_|`]", "", gold_text(example)), example.tags["variants"])]
    assert f"but for {len(missing)} that takes a sum" in CARD.replace("\n", " "), missing


def test_the_second_answers_agree_as_the_card_says():
    second = {row["id"]: row["answer"] for row in rows("second_answers.jsonl")}
    differ = [example.id for example in ALL if (second[example.id] is None) != (example.expected is None)
              or (second[example.id] and not answers.holds(second[example.id], example.tags["variants"]))]
    assert differ == [] and "agree on all 240" in CARD.replace("\n", " ")


def test_paraphrases_ask_test_questions_in_other_words():
    asked = {example.id: example for example in TASK.test}
    again = rows("paraphrases.jsonl")
    assert len({row["id"] for row in again}) == len(again) == 60
    for row in again:
        words, others = (re.findall(r"[\w'’]+", text.lower()) for text in (asked[row["id"]].input, row["paraphrase"]))
        runs = {tuple(words[i:i + 4]) for i in range(len(words) - 3)}
        assert not runs & {tuple(others[i:i + 4]) for i in range(len(others) - 3)}, row["id"]
        assert not answers.holds(row["paraphrase"], asked[row["id"]].tags["variants"]), row["id"]


def test_no_question_is_asked_twice():
    assert authored.exact_duplicates({example.id: example.input for example in ALL}) == []


def test_the_page_with_orders_to_a_machine_and_the_two_that_contradict_are_there():
    assert "AI assistants" in PAGES["marl-drip-kit"]
    kept = [re.findall(r"\b([57]) days\b", PAGES[page]) for page in ("drop-boxes", "store-marsh-street")]
    assert "5" in kept[0] and "7" in kept[1]
