"""The rules of the voice tell a reply that keeps them from one that breaks one."""
from __future__ import annotations

import pytest

from helpers.tasks import Score, load_task
from helpers.voice import NAMES, kept

FACTS = [["14 March", "March 14"], ["can't", "cannot"]]
GOOD = """Hello Ines,
The lamp you wrote about left our warehouse on Tuesday, and it should reach you by 14 March. We can't send it faster,
since the road to your valley is closed at night. Next, you'll get the driver's number from us by text.
The Otterbrook desk"""


def broken(reply: str, name: str | None = "Ines") -> list[str]:
    return [rule for rule, holds in kept(reply, name, FACTS).items() if not holds]


def test_a_good_reply_keeps_every_rule():
    assert broken(GOOD) == [] and list(kept(GOOD, "Ines", FACTS)) == NAMES
    assert broken(GOOD.replace("'", "’")) == []
    assert broken(GOOD.replace("Ines", "there"), name=None) == []


@pytest.mark.parametrize(("old", "new", "rules"), [
    ("Hello Ines,", "Dear Ines,", ["greeting"]), ("Ines", "there", ["greeting"]), ("desk", "team", ["sign-off"]),
    ("We can't", "Sorry and apologies, we can't", ["apologies"]), ("We can't", "Sorry, we can't", []),
    ("it should", "it will definitely", ["no promise"]), ("Next, you'll", "Then you'll", ["next step"]),
    ("We can't", "Next, you wait. We can't", ["next step"]), ("We can't", "Unfortunately, we can't", ["plain words"]),
    ("on Tuesday", "on Tuesday (!)", ["calm"]), ("Tuesday", "TUESDAY", ["calm"]), ("The lamp", "The OB77 PDF lamp", []),
    ("14 March", "the 15th", ["facts"]), ("14 March", "march 14", []), ("14 March", "114 March", ["facts"]),
    ("14 March", "14 March (£490)", []),
    ("at night", "at night \U0001F600", ["calm"]), ("We can't", "As perfect, we can't", []),
    ("We can't", "We cannot", []),
    ("The lamp you wrote about left our warehouse on Tuesday, and it", "It", []),
    ("The lamp you wrote about left our warehouse on Tuesday, and it should reach you by", "By", ["length"])])
def test_each_rule_is_broken_by_what_breaks_it(old, new, rules):
    assert old in GOOD and broken(GOOD.replace(old, new)) == rules


def test_a_reply_without_you_or_contractions_is_not_warm():
    cold = GOOD.replace("you'll get", "we send").replace("can't", "cannot").replace("your", "the").replace("you", "we")
    assert broken(cold.replace("driver's", "crew")) == ["warm"]


@pytest.mark.parametrize("reply", ["", "   ", "Hello Ines,", "The Otterbrook desk"])
def test_an_empty_reply_breaks_rules_and_does_not_crash(reply):
    assert "length" in broken(reply) and "facts" in broken(reply)


def test_the_task_scores_by_the_rules():
    task = load_task("voice")
    example = task.train[0]
    assert task.score(example, example.expected) == Score(True, True, dict.fromkeys(NAMES, True))
    assert not task.score(example, example.input).valid
    assert not task.score(example, None).right
