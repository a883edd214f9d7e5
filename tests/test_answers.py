"""Answers are matched by whole words, and a reply that declines is told from one that answers."""
from __future__ import annotations

import pytest

from helpers.answers import declines, holds


@pytest.mark.parametrize(("reply", "spellings"), [
    ("You have 21 days.", ["21 days"]), ("TWENTY-ONE days!", ["21 days", "twenty-one days"]), ("£3.50", ["£3.50"]),
    ("It costs **£3.50**, per parcel", ["£3.50 per parcel"]), ("by Imogen Farrow", ["imogen farrow"]),
    ("until 18:00 on Saturday", ["18:00"]), ("up to 25%", ["25%"]), ("it can’t be returned", ["can't be returned"]),
    ("twenty one", ["twenty-one"]), ("£48.00", ["£48"]), ("£48", ["£48.00"])])
def test_an_answer_is_found_however_it_is_dressed(reply, spellings):
    assert holds(reply, spellings)


@pytest.mark.parametrize(("reply", "spellings"), [
    ("That is incorrect.", ["correct"]), ("121 days", ["21 days"]), ("21 daylilies", ["21 days"]),
    ("£3.505", ["£3.50"]), ("3.50", ["£3.50"]), ("£13.50", ["£3.50"]), ("days 21", ["21 days"]), ("", ["x"]),
    ("21 days", []), ("18:000", ["18:00"]), ("25", ["25%"])])
def test_an_answer_that_only_looks_like_it_is_not_found(reply, spellings):
    assert not holds(reply, spellings)


@pytest.mark.parametrize("reply", [
    "I don't know.", "Not in the passage.", "That is not in the pages", "The text does not say.",
    "We can't tell from this.", "The handbook doesn’t mention it.", "There is no information on that.",
    "This is not stated.",
    "I cannot find it",
    "I don't have enough information", "I do not have that information.", "That isn't mentioned.",
    "The page does not explicitly say", "It isn't in the handbook", "This is not listed.", "I'm not sure.",
    "That cannot be determined.", "There are no details on it", "It is not in the retrieved passages.", "unknown"])
def test_a_reply_that_declines_is_recognised(reply):
    assert declines(reply)


@pytest.mark.parametrize("reply", [
    "21 days", "It can't be returned.", "Not in the Burrow.", "No, they do not deliver there.",
    "You do not need a receipt.",
    "Nobody knows her better than the manager, Imogen Farrow", "Not valid after 21 days", "",
    "No, the price does not include delivery.", "£46, which does not include assembly.", "We do not provide covers.",
    "It does not contain nickel", "We can't give it back", "For any information call 01632 960 140",
    "It is not found in shops"])
def test_a_reply_that_answers_is_not_taken_for_one_that_declines(reply):
    assert not declines(reply)
