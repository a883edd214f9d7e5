"""The small tasks are read as they are written, and every split is its own."""
from __future__ import annotations

import json

import pytest

from helpers.instructions.collection import SPLITS, choices, load


def test_a_split_holds_its_tasks_and_no_other(tmp_path):
    for name in ("inn/rooms", "inn/dogs", "pond/fish"):
        path = tmp_path / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"kind": "label", "title": name, "asks": ["Which?"], "noun": "note", "items": []}))
    (tmp_path / "splits.json").write_text(json.dumps({"train": ["pond/fish"], "unseen": ["inn/dogs", "inn/rooms"]}))
    assert [task.name for task in load("unseen", tmp_path)] == ["inn/dogs", "inn/rooms"]
    assert [task.walk for task in load("train", tmp_path)] == ["pond"]
    assert len(load(folder=tmp_path)) == 3


def test_an_unknown_split_is_an_error():
    with pytest.raises(KeyError):
        load("test")


@pytest.mark.parametrize(("description", "values"), [
    ("one of: yes, no", ["yes", "no"]), ("one of: red, dark blue; as the writer sees it", ["red", "dark blue"]),
    ("the name, as written", []), ("whether it is one of: a, b", [])])
def test_choices_are_read_from_a_description(description, values):
    assert choices(description) == values


def test_answerable_items_have_an_answer():
    task = next(task for task in load("train") if task.kind == "passage")
    assert 0 < len(task.answerable()) < len(task.items)


def test_no_split_is_empty():
    assert all(load(split) for split in SPLITS)
