"""The files that the frameworks read hold what the course has, and nothing a template could take for code."""
from __future__ import annotations

import json

import pandas as pd
import yaml

from helpers import exports
from helpers.evaluation import Run
from helpers.prompts import plain
from helpers.tasks import Example
from tests.talking import examples, mini_task


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def test_inspect_gets_a_line_for_each_row(tmp_path):
    task = mini_task()
    rows = [Example("a", "where\u2028is it?", {"category": "delivery", "priority": "low"}, {"month": "2026-11"}, task)]
    [line] = lines(exports.inspect_dataset(rows, lambda one: plain(task, one.input), tmp_path / "new" / "t.jsonl"))
    assert line["id"] == "a" and line["target"] == "delivery" and line["metadata"] == {"month": "2026-11"}
    assert line["input"] == plain(task, "where\u2028is it?")


def test_promptfoo_gets_a_folder_that_names_its_own_files(tmp_path):
    path = exports.promptfoo_folder(examples(2), "Sort.", tmp_path / "foo", "gpt: 6")
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config["prompts"] == ["file://prompt.json"] and config["tests"] == "file://tests.jsonl"
    assert config["providers"][0]["id"] == "openai:chat:gpt: 6"
    assert "toLowerCase()" in config["defaultTest"]["options"]["transform"]
    assert json.loads((path.parent / "prompt.json").read_text())[1] == {"role": "user", "content": "{{message}}"}
    assert lines(path.parent / "tests.jsonl")[1] == {
        "description": "e1", "vars": {"message": "message 1"}, "metadata": {},
        "assert": [{"type": "equals", "value": "delivery"}]}


def test_a_customer_who_writes_braces_is_no_template(tmp_path):
    rows = [Example("a", "my {{name}} is {%x%}", "delivery", {}, mini_task())]
    path = exports.promptfoo_folder(rows, "Sort.", tmp_path, "m")
    assert lines(path.parent / "tests.jsonl")[0]["vars"]["message"] == "{% raw %}my {{name}} is {%x%}{% endraw %}"


def test_every_answer_of_a_run_is_written(tmp_path):
    rows = pd.DataFrame([{"id": "a", "expected": {"category": "x"}, "reply": "é", "right": True, "cost": 0.0}])
    assert lines(exports.plain_rows(Run("mine", rows, pd.DataFrame()), tmp_path / "r.jsonl")) == [
        {"run": "mine", "id": "a", "expected": {"category": "x"}, "reply": "é", "right": True, "cost": 0.0}]
