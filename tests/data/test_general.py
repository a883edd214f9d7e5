"""The general questions are what their card says."""
from __future__ import annotations

import json
from collections import Counter

from helpers.instructions.measures import GENERAL

ROWS = [json.loads(line) for line in GENERAL.read_text(encoding="utf-8").splitlines()]


def test_there_are_24_questions_of_each_kind_and_none_twice():
    assert set(Counter(row["kind"] for row in ROWS).values()) == {24}
    assert len({row["question"] for row in ROWS}) == len({row["id"] for row in ROWS}) == 120


def test_each_has_four_choices_and_the_right_one_stands_anywhere():
    assert all(len(set(row["choices"])) == 4 and row["answer"] in row["choices"] for row in ROWS)
    places = Counter(row["choices"].index(row["answer"]) for row in ROWS)
    assert min(places.values()) >= 24
