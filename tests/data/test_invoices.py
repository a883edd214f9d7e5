"""The invoices are what their card says they are, and their answers stand in their texts."""
from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations, permutations

import pytest

from helpers import records
from helpers.tasks import DATA, load_task
from tests import authored

FOLDER = DATA / "invoices"
TASK = load_task("invoices")
SPLITS = {"train": TASK.train, "validation": TASK.validation, "test": TASK.test}
ALL = [example for split in SPLITS.values() for example in split]
INVOICES = [(example, invoice) for example in ALL for invoice in example.expected]
CARD = (FOLDER / "card.md").read_text(encoding="utf-8")
ROUNDING = 0.015
MISSING = {"invoice_number": "missing_number", "date": "missing_date", "currency": "missing_currency",
           "amount": "missing_total"}
# where a scanner's slip or a broken line stands between the text and what it means
MENDED = {"ocr", "broken_lines"}


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).lower()


def printed_numbers(text: str) -> set[float]:
    """Every number in a text, read with each thousands sign and decimal sign that people use."""
    found = set()
    for number in re.findall(r"[\dOlI]+(?:[.,'’\u00a0\u202f ][\dOlI]{3})*(?:[.,][\dOlI]{1,2})?|\d+", text):
        digits = number.translate(str.maketrans("OlI", "011"))
        for thousands, decimal in permutations(",.'’ \u00a0\u202f", 2):
            try:
                found.add(round(float(digits.replace(thousands, "").replace(decimal, ".")), 2))
            except ValueError:
                continue
    return found


def test_there_are_160_texts_in_the_sizes_the_card_states():
    assert {name: len(split) for name, split in SPLITS.items()} == {"train": 20, "validation": 40, "test": 100}
    assert len({example.id for example in ALL}) == 160


def test_no_text_occurs_twice_and_no_vendor_bills_under_one_number_twice():
    assert authored.exact_duplicates({example.id: example.input for example in ALL}) == []
    numbers = Counter((invoice["vendor"], invoice["invoice_number"]) for _, invoice in INVOICES
                      if invoice["invoice_number"])
    assert [pair for pair, count in numbers.items() if count > 1] == []


def test_every_answer_fits_the_model_and_is_its_own_right_answer():
    for example in ALL:
        score = TASK.score(example, json.dumps(example.expected), exact=True)
        assert score.valid and score.right, example.id


def test_the_card_counts_the_troubles():
    count = Counter(trouble for example in ALL for trouble in example.tags["trouble"])
    for trouble, texts in count.items():
        assert re.search(rf"\| `{trouble}`.* \| {texts} \|", CARD), (trouble, texts)
    assert len(re.findall(r"^\| `", CARD, flags=re.M)) == len(count)


@pytest.mark.parametrize("example", ALL, ids=lambda example: example.id)
def test_what_is_tagged_is_so(example):
    troubles = set(example.tags["trouble"])
    assert ("no_invoice" in troubles) == (example.expected == [])
    assert ("two_invoices" in troubles) == (len(example.expected) == 2)
    for field, trouble in MISSING.items():
        assert (trouble in troubles) <= any(invoice[field] is None for invoice in example.expected), trouble


@pytest.mark.parametrize(("example", "invoice"), INVOICES, ids=lambda one: getattr(one, "id", ""))
def test_every_value_stands_in_its_text(example, invoice):
    text, numbers = plain(example.input), printed_numbers(example.input)
    amounts = [invoice["amount"], *(item["amount"] for item in invoice["items"])]
    assert [amount for amount in amounts if amount is not None and round(abs(amount), 2) not in numbers] == []
    if not MENDED & set(example.tags["trouble"]):
        names = [invoice["vendor"], invoice["invoice_number"], *(item["description"] for item in invoice["items"])]
        assert [name for name in names if name and plain(name) not in text] == []


@pytest.mark.parametrize(("example", "invoice"), INVOICES, ids=lambda one: getattr(one, "id", ""))
def test_lines_and_total_agree_or_a_note_says_why_not(example, invoice):
    lines = [item["amount"] for item in invoice["items"]]
    if invoice["amount"] is None or None in lines or "note" in example.tags:
        return
    rest = abs(invoice["amount"] - sum(lines))
    numbers = printed_numbers(example.input)
    two = [value for one, other in combinations(numbers, 2) for value in (one + other, abs(one - other))]
    assert any(abs(rest - value) < ROUNDING for value in [0, *numbers, *two])


def test_the_second_reading_agrees_as_the_card_says():
    second = {row["id"]: row["expected"] for row in map(
        json.loads, (FOLDER / "second_reading.jsonl").read_text(encoding="utf-8").splitlines())}
    differ: Counter[str] = Counter()
    for example in ALL:
        assert len(example.expected) == len(second[example.id])
        for one, other in zip(example.expected, second[example.id], strict=True):
            differ.update(field for field in TASK.fields if field != "items" and one[field] != other[field]
                          and not same_words(one[field], other[field]))
            for item, again in zip(one["items"], other["items"], strict=True):
                differ.update(field for field in item if item[field] != again[field]
                              and not same_words(item[field], again[field]))
    assert differ == {"vendor": 1, "description": 8}
    descriptions = sum(len(invoice["items"]) for _, invoice in INVOICES)
    assert f"1 of {len(INVOICES)} vendors and 8 of {descriptions} descriptions" in CARD.replace("\n", " ")


def same_words(one: object, other: object) -> bool:
    return isinstance(one, str) and isinstance(other, str) and records.plain(one) == records.plain(other)
