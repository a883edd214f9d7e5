"""Figures name what they show, where it is."""
from __future__ import annotations

import matplotlib
import matplotlib.pyplot as plt
import pandas as pd
import pytest

from helpers import figures
from helpers.evaluation import Run
from helpers.tasks import LabelTask

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_scores_draws_each_run_on_its_interval_with_its_name():
    runs = [Run(name, pd.DataFrame({"right": [True] * right + [False] * (100 - right)}), pd.DataFrame())
            for name, right in (("guess", 20), ("model", 60))]
    figures.scores(runs, ["baseline", "model"], title="The model is ahead")
    ax = plt.gca()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["model", "guess"]
    assert {text.get_text() for text in ax.texts} == {"20%", "60%"}
    assert ax.get_title(loc="left") == "The model is ahead" and "right of 100" in ax.get_xlabel()
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in "sD" or line.get_marker() == "o"]
    assert sorted(dots) == pytest.approx([20, 60])


def test_colours_never_stand_alone():
    colours, markers = zip(*figures.KINDS.values(), strict=True)
    assert len(set(colours)) == len(set(markers)) == len(figures.KINDS)


def test_the_ladder_names_its_rungs_in_order():
    figures.ladder()
    texts = [text.get_text() for text in plt.gca().texts]
    assert [text for text in texts if text in {name for name, _ in figures.LADDER}] == [n for n, _ in figures.LADDER]


def test_a_confusion_matrix_shows_every_count_where_it_belongs():
    task = LabelTask("mini", {"kind": {"ham": "", "spam": ""}}, "kind")
    rows = pd.DataFrame({"expected": ["ham", "ham", "spam", "spam"], "reply": ["ham", "spam", "spam", "no idea"]})
    figures.confusion(Run("model", rows, pd.DataFrame()), task, title="It drops mail")
    ax = plt.gca()
    shown = {(text.get_position()[1], text.get_position()[0]): text.get_text() for text in ax.texts}
    assert shown == {(0, 0): "1", (0, 1): "1", (0, 2): "·", (1, 0): "·", (1, 1): "1", (1, 2): "1"}
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["ham", "spam", "(none)"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("what was answered", "what is right")
