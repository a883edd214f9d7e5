"""The tickets are what their card says they are."""
from __future__ import annotations

import csv
import json
import re
from collections import Counter

import pytest
from sklearn.metrics import cohen_kappa_score

from helpers.provider import embed
from helpers.tasks import DATA, load_task
from tests import authored

FOLDER = DATA / "tickets"
FIELDS = ("category", "sentiment", "priority", "action")
TASK = load_task("tickets")
SPLITS = {"train": TASK.train, "validation": TASK.validation, "test": TASK.test}
ALL = [example for split in SPLITS.values() for example in split]
SLICES = {"typos", "second_language", "sarcasm", "two_intents", "jargon", "angry", "praise", "off_topic", "injection",
          "short", "long"}


def passes() -> dict[str, dict[str, dict]]:
    """Return both labelling passes: pass -> id -> row."""
    tables = {}
    for name in ("first", "second"):
        with (FOLDER / f"labels_{name}.csv").open(encoding="utf-8") as file:
            tables[name] = {row["id"]: row for row in csv.DictReader(file)}
    return tables


def test_there_are_1050_messages_in_the_sizes_the_card_states():
    assert [len(examples) for examples in SPLITS.values()] == [600, 150, 300]
    assert len({example.id for example in ALL}) == 1050


def test_every_label_is_one_the_guide_explains():
    assert authored.invalid_labels(ALL, TASK.fields) == []
    for field in FIELDS:
        for label in TASK.fields[field]:
            assert f"`{label}`" in TASK.guide


def test_no_message_occurs_twice():
    assert authored.exact_duplicates({example.id: example.input for example in ALL}) == []


@pytest.mark.live
def test_no_message_tells_what_another_tells():
    vectors = embed([example.input for example in ALL])
    assert authored.near_duplicates([example.id for example in ALL], vectors, limit=0.85) == []


def test_no_four_word_phrase_is_in_more_than_two_percent():
    assert authored.stock_phrases([example.input for example in ALL], share=0.02) == []


@pytest.mark.parametrize("field", FIELDS)
def test_splits_are_alike_in_labels(field):
    assert authored.unlike_splits(SPLITS, lambda example: example.expected[field]) == []


@pytest.mark.parametrize("tag", ["month", "channel"])
def test_splits_are_alike_in_month_and_channel(tag):
    assert authored.unlike_splits(SPLITS, lambda example: example.tags[tag]) == []


def test_lengths_run_from_three_to_150_words():
    lengths = [len(example.input.split()) for example in ALL]
    assert min(lengths) >= 3 and max(lengths) <= 150
    assert sum(length <= 8 for length in lengths) > 50 and sum(length >= 90 for length in lengths) > 50


def test_slices_are_known_and_each_is_large_enough_to_look_at():
    count = Counter(name for example in ALL for name in example.tags["slices"])
    assert set(count) == SLICES
    assert min(count.values()) >= 20


def test_the_card_states_the_agreement_of_the_two_passes():
    tables, card = passes(), (FOLDER / "card.md").read_text(encoding="utf-8")
    ids = sorted(tables["first"])
    assert ids == sorted(tables["second"]) == sorted(example.id for example in ALL)
    for field in FIELDS:
        first, second = ([tables[name][id][field] for id in ids] for name in ("first", "second"))
        same = sum(a == b for a, b in zip(first, second, strict=True))
        row = f"| {field} | {cohen_kappa_score(first, second):.2f} | {same} of 1,050 |"
        assert row in card


def test_where_both_passes_agree_the_label_stands_unless_the_card_counts_it():
    tables, card = passes(), (FOLDER / "card.md").read_text(encoding="utf-8")
    overruled = sum(tables["first"][e.id][f] == tables["second"][e.id][f] != e.expected[f] for e in ALL for f in FIELDS)
    stated = int(re.search(r"(\d+) labels on which both passes agreed", card)[1])
    assert overruled == stated


def test_the_card_states_the_counts():
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    for label, count in Counter(example.expected["category"] for example in ALL).items():
        assert f"| `{label}` | {count} |" in card


# ---------------------------------------------------------------- a category split in two

def test_every_delivery_message_has_one_of_the_two_new_labels():
    with (FOLDER / "delivery_split.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == sorted(
        example.id for example in ALL if example.expected["category"] == "delivery")
    count = Counter(row["label"] for row in rows)
    card = (FOLDER / "card.md").read_text(encoding="utf-8")
    assert count == {"transport": 183, "contents": 39} and all(f"`{name}` ({n}:" in card for name, n in count.items())
    assert sum(row["first"] != row["second"] for row in rows) == 2
    assert all(row["label"] in (row["first"], row["second"]) for row in rows)


# ---------------------------------------------------------------- three later months

LATER = [json.loads(line) for line in (FOLDER / "later.jsonl").read_text(encoding="utf-8").splitlines()]


def test_there_are_fifty_later_messages_a_month_labelled_by_the_guide():
    assert Counter(row["tags"]["month"] for row in LATER) == {"2026-11": 50, "2026-12": 50, "2027-01": 50}
    assert all(row["expected"][field] in TASK.fields[field] for row in LATER for field in FIELDS)
    assert all(set(row["tags"]["slices"]) <= SLICES for row in LATER)


def test_the_mix_of_categories_moves_from_month_to_month():
    mixes = [Counter(row["expected"]["category"] for row in LATER if row["tags"]["month"] == month)
             for month in ("2026-11", "2026-12", "2027-01")]
    assert [mix["delivery"] for mix in mixes] == [11, 20, 4] and [mix["returns"] for mix in mixes] == [7, 3, 16]


def test_the_second_pass_over_the_later_messages_differs_as_the_card_says():
    with (FOLDER / "later_second.csv").open(encoding="utf-8") as file:
        second = {row["id"]: row for row in csv.DictReader(file)}
    differ = sum(second[row["id"]][field] != row["expected"][field] for row in LATER for field in FIELDS)
    assert f"differs in {differ} of {len(LATER) * len(FIELDS)} labels" in (FOLDER / "card.md").read_text("utf-8")


@pytest.mark.live
def test_no_later_message_tells_what_an_earlier_one_tells():
    texts = {row["id"]: row["input"] for row in LATER} | {example.id: example.input for example in ALL}
    assert authored.exact_duplicates(texts) == []
    found = authored.near_duplicates(list(texts), embed(list(texts.values())), limit=0.85)
    assert [pair for pair in found if pair[0].startswith("l")] == []
