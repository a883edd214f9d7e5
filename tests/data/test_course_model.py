"""The model card says what was measured, and the adapter is small enough for git."""
from __future__ import annotations

import json

import pandas as pd

from helpers.instructions.__main__ import CARD, UNSEEN
from helpers.instructions.collection import load
from helpers.instructions.report import markdown, side_by_side

TASKS = {task.name for task in load("unseen")}


def test_the_cards_table_is_made_from_the_committed_rows():
    rows = pd.read_csv(UNSEEN, keep_default_na=False)
    assert markdown(side_by_side(rows)) in CARD.read_text(encoding="utf-8")


def test_every_question_comes_from_an_unseen_task():
    asked = {name for name in pd.read_csv(UNSEEN).id if "/" in name}       # the general questions belong to no task
    assert {name.rpartition("/")[0] for name in asked} <= TASKS


def test_the_adapter_is_at_most_30_mb():
    assert CARD.with_name("adapter.safetensors").stat().st_size <= 30e6


def test_what_the_card_says_of_its_aims_is_what_was_measured():
    table = side_by_side(pd.read_csv(UNSEEN, keep_default_na=False))
    course = table["course-135m"].str.split("%").str[0].astype(int)
    wordings = course[course.index.str.startswith("wording")]
    plain, points = course["described labels, schema"], table.points.str.split(" ").str[0]
    said = CARD.read_text(encoding="utf-8").partition("## What was aimed at")[2]
    for measured in (
            f"| {points['described labels, schema']} | met |",
            f"ten {course['10 fixed examples'] - plain:+d}, five nearest {course['5 nearest examples'] - plain:+d}, "
            f"five fixed {course['5 fixed examples'] - plain:+d}",
            f"{wordings.max()}% and {wordings.min()}%", f"several fields {valid('fields as JSON, in words', table)}",
            f"| {course['one passage']}% | missed |", f"| {course['renamed labels']}%, as good as",
            f"| {course['swapped labels in 10 examples']}%, as before",
            f"{course['passage against belief']}%, from", f"{course['general questions']}%, from",
            f"{course['which passage (unseen kind)']}%, the raw model"):
        assert measured in said


def valid(measure: str, table: pd.DataFrame) -> str:
    """Example: valid("fields as JSON, in words", table) -> "90%" """
    return table.valid[measure].rpartition(" ")[2]


def test_the_card_says_what_the_curve_of_tasks_measured():
    curve, others = (pd.read_csv(CARD.parents[2] / "results" / name)
                     for name in ("instruct_curve.csv", "instruct_curve_beside.csv"))
    said = CARD.read_text(encoding="utf-8").partition("## Tasks, or prompts?")[2].partition("## ")[0]
    first, second, third = curve.right
    raw, ours = (int(others.set_index("model").right[name]) for name in ("smollm2-135m", "course-135m"))
    prompts = sum(sum(stretch["prompts"]) for stretch in
                  json.loads((CARD.parents[2] / "results" / "instruct.json").read_text(encoding="utf-8"))["stretches"])
    assert f"{first}, {second} and {third} of {curve.n[0]} right, where the raw model has {raw}" in said
    assert f"after {prompts:,} prompts, has {ours}" in said and (CARD.parent / "curve.png").exists()
