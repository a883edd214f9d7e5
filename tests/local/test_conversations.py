"""Training files: which answers are learned, and which examples the embedded model cannot learn."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.local.conversations import NotTeachable, conversation, read

USER, ANSWER = {"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "yes"}


def row(*messages: dict, **more: object) -> dict:
    return {"messages": list(messages)} | more


def test_every_answer_is_learned_but_those_of_weight_zero():
    taught = conversation(row(USER, ANSWER | {"weight": 0}, USER, ANSWER | {"weight": 1}, USER, ANSWER))
    assert taught.learned == [3, 5]
    assert taught.messages[1] == ANSWER     # it is read all the same


def test_developer_is_another_word_for_system_and_parts_are_one_text():
    parts = [{"type": "text", "text": "Is it "}, {"type": "text", "text": "late?"}]
    taught = conversation(row({"role": "developer", "content": "Answer."}, {"role": "user", "content": parts}, ANSWER))
    assert taught.messages == [{"role": "system", "content": "Answer."}, USER, ANSWER]


NOT_TEACHABLE = {
    "tools": (row(USER, ANSWER, tools=[{"type": "function"}]), "offers tools.*Leave the example out"),
    "a tool's reply": (row(USER, {"role": "tool", "content": "4"}, ANSWER), "'tool' belongs to tools"),
    "a call": (row(USER, {"role": "assistant", "content": None, "tool_calls": [{}]}), "'assistant' is no plain text"),
    "an image": (row({"role": "user", "content": [{"type": "image_url"}]}, ANSWER), "'user' is no plain text"),
    "no messages": ({"prompt": "x"}, "no example"),
    "a list": ([], "no example"),
}


@pytest.mark.parametrize("name", NOT_TEACHABLE)
def test_what_cannot_be_learned_is_named_with_its_line(name, tmp_path: Path):
    bad, words = NOT_TEACHABLE[name]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, [row(USER, ANSWER), bad])))
    with pytest.raises(NotTeachable, match=f"Line 2: .*{words}"):
        read(path)


def test_a_file_is_read_in_its_order(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row(USER, ANSWER | {"content": text})) + "\n" for text in "ab"))
    assert [one.messages[-1]["content"] for one in read(path)] == ["a", "b"]
