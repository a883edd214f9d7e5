"""Texts that are nearly the same have fingerprints that are, and are found without comparing all."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from helpers.validate import check
from helpers.validate.fingerprints import nearest, signature
from tests.validate.files import found, good, row, says, user, written

ALIKE = [
    ("My parcel has not arrived yet, where is it?", "my parcel has not arrived yet - where is it"),
    ("How do I send back a coat that does not fit me?", "How do I send back a coat that doesn't fit me?"),
    ("I was charged twice for the same order last week.", "I was charged twice for the same order last week. Thx"),
    ("Please cancel my subscription at the end of May.", "Please cancel my subscription at the end of May, ok"),
    ("Wo bleibt mein Paket? Ich warte seit einer Woche!", "Wo bleibt mein Paket?? ich warte seit einer Woche"),
    ("Die Lampe flackert, sobald man sie einschaltet.", "Die Lampe flackert, sobald man sie einschaltet !!"),
    ("我的包裹还没有到，请问它现在在哪里？", "我的包裹还没有到,请问它现在在哪里?"),
    ("The lamp went out after two days and smells of smoke.", "The lamp went out after two days, and smells of smoke:"),
]
UNLIKE = [
    ("I want to return my shoes",                 "I want to return my hat, please"),
    ("Where is my parcel?",                       "When does my parcel come?"),
    ("How do I cancel my order?",                 "How do I change my order?"),
    ("What is 12 + 35?",                          "What is 13 + 35?"),
    ("The coat is too small, send a larger one",  "The coat is too large, I want my money back"),
    ("Can I pay by card?",                        "Can I pay by bank transfer?"),
    ("Is the shop open on Sunday?",               "Is the shop in Leeds open?"),
    ("Wo bleibt mein Paket?",                     "Wo finde ich meine Rechnung?"),
]


def pair_found(folder: Path, pair: tuple[str, str]) -> bool:
    rows = [row(user(text), says("Yes.")) for text in pair] + [good(number) for number in range(10)]
    return any(kind in ("duplicate", "near duplicate") for _, kind in found(check(written(folder, rows))))


def test_near_duplicates_are_found_and_mere_neighbours_are_not(tmp_path):
    right, wrong = (sum(pair_found(tmp_path, pair) for pair in pairs) for pairs in (ALIKE, UNLIKE))
    assert right >= 7, f"{right} of {len(ALIKE)} near duplicates found"
    assert wrong == 0, f"{wrong} of {len(UNLIKE)} neighbours called near duplicates"


def test_the_nearest_is_looked_for_among_those_before_or_among_the_known():
    texts = np.stack([signature(text) for text in ("My parcel is late!", "Where is the shop?", "my parcel is late")])
    assert nearest(texts).rows.tolist() == [-1, -1, 0] and nearest(texts).shares.tolist() == [0, 0, 1]
    assert nearest(texts[:2], texts[1:]).rows.tolist() == [1, 0]
    assert nearest(texts[:0], texts).rows.tolist() == [-1, -1, -1]


def test_a_signature_estimates_the_share_of_runs_in_common():
    dice = np.random.default_rng(0)
    text = "".join(map(chr, dice.integers(0x4e00, 0x5e00, 1000)))     # no run of five stands in it twice
    other = "".join(map(chr, dice.integers(0x5e00, 0x6e00, 500)))
    shares = (signature(text) == signature(text[:500] + other)).mean()
    assert abs(shares - 1 / 3) < 0.2        # 500 of 1500 runs; three standard errors of 60 places
