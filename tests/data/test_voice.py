"""The pairs of the voice are what their card says they are."""
from __future__ import annotations

import pytest

from helpers.provider import embed
from helpers.tasks import DATA, load_task
from tests import authored

TASK = load_task("voice")
SPLITS = {"train": TASK.train, "validation": TASK.validation, "test": TASK.test}
ALL = [example for split in SPLITS.values() for example in split]
CARD = (DATA / "voice" / "card.md").read_text(encoding="utf-8")


def test_there_are_260_pairs_in_the_sizes_the_card_states():
    assert {name: len(split) for name, split in SPLITS.items()} == {"train": 160, "validation": 40, "test": 60}
    assert len({example.id for example in ALL}) == 260


def test_every_reply_keeps_every_rule():
    assert [example.id for example in ALL if not TASK.score(example, example.expected).right] == []


def test_no_draft_keeps_them_all():
    assert [example.id for example in ALL if TASK.score(example, example.input).right] == []


def test_the_name_that_greets_is_in_the_draft():
    assert [example.id for example in ALL if (name := example.tags["name"])
            and name.lower() not in example.input.lower()] == []


def test_every_row_has_facts_a_case_and_whose_fault_it_was():
    assert all(2 <= len(example.tags["facts"]) <= 8 for example in ALL)
    assert {example.tags["fault"] for example in ALL} == {"ours", "theirs", "nobody"}
    assert all(example.tags["case"] for example in ALL)


def test_no_text_occurs_twice():
    texts = {f"{example.id} {part}": text for example in ALL
             for part, text in (("draft", example.input), ("reply", example.expected))}
    assert authored.exact_duplicates(texts) == []


def test_no_four_word_phrase_is_in_more_than_four_percent():
    bodies = ["\n".join(example.expected.splitlines()[1:-1]) for example in ALL]
    assert authored.stock_phrases(bodies, share=0.04) == []


@pytest.mark.live
def test_no_draft_tells_what_another_tells_or_a_ticket():
    tickets = load_task("tickets")
    texts = {example.id: example.input for example in ALL + tickets.train + tickets.validation + tickets.test}
    found = authored.near_duplicates(list(texts), embed(list(texts.values())), limit=0.9)
    assert [pair for pair in found if pair[0].startswith("v")] == []
