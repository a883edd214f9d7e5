"""The model card says what was measured, and the adapter is small enough for git."""
from __future__ import annotations

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
