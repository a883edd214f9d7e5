"""A few rules, written down as data, score a free text."""
from __future__ import annotations

import json

import pytest

from helpers.ladder import rules
from helpers.ladder.rules import Rules, RuleTask
from helpers.tasks import Example, TaskError

ALL = Rules(("kind regards",), ("as an AI",), 8, "order")


@pytest.mark.parametrize(("reply", "right"), [
    ("Your order A7 is late. Kind regards", True),
    ("Your order A71 is late. Kind regards", False),                    # another number
    ("Your order A7 is late.", False),
    ("As an AI I see A7. Kind regards", False),
    ("Your order A7 is very, very, very late. Kind regards", False),    # ten words
])
def test_a_text_is_right_if_it_keeps_every_rule(reply, right):
    assert all(ALL.kept(reply, ["A7"]).values()) == right


def test_a_text_too_long_or_empty_is_not_valid():
    task = RuleTask("t", rules=Rules(max_words=2))
    example = Example("e", "x", "y", {}, task)
    assert [task.score(example, reply).valid for reply in ("one two", "one two three", " ", None)] == \
        [True, False, False, False]


def read(folder, content: object) -> Rules:
    path = folder / "rules.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return rules.read(path)


def test_rules_are_read_from_a_file(tmp_path):
    assert read(tmp_path, {"must_contain": ["a"], "max_words": 3, "must_contain_column": " Order "}) == \
        Rules(("a",), (), 3, "order")


@pytest.mark.parametrize(("content", "said"), [
    ("def score(): ...", "not JSON.*must_contain"), ({}, "hold no rule"), ([1], "hold no rule"),
    ({"contains": ["a"]}, "a key 'contains'.*must_contain, must_not_contain, max_words"),
    ({"must_contain": "a"}, r"'must_contain' in rules\.json is \"a\": write a list"),
    ({"must_not_contain": ["!"]}, "each with a word"), ({"max_words": -1}, "write a number of words"),
    ({"max_words": True}, "write a number of words"),
])
def test_rules_of_another_form_are_refused(tmp_path, content, said):
    with pytest.raises(TaskError, match=said):
        read(tmp_path, content)


def test_rules_that_are_not_there_are_named(tmp_path):
    with pytest.raises(TaskError, match=r"rules absent\.json cannot be opened"):
        rules.read(tmp_path / "absent.json")
