"""The curve's points are kept one by one, and drawn where they are."""
from __future__ import annotations

from concurrent.futures import Future

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from helpers.instructions import curve


class Here:
    """Does a run at once, in this process."""

    count = 1

    def submit(self, work, item) -> Future:
        done = Future()
        done.set_result(work(item))
        return done

    def idle(self) -> str:
        return ""


def test_points_that_are_there_are_not_trained_again(monkeypatch, tmp_path):
    trained = []

    def right_after(tasks, folder):
        trained.append((len(tasks), folder.name))
        return [True] * len(tasks) + [False]
    monkeypatch.setattr(curve, "_right_after", right_after)
    kept = tmp_path / "curve.csv"
    pd.DataFrame([{"tasks": 8, "right": 3, "n": 10}]).to_csv(kept, index=False)
    rows = curve.points(kept, Here())
    assert trained == [(count, str(count)) for count in curve.COUNTS[1:]]
    assert rows.tasks.tolist() == pd.read_csv(kept).tasks.tolist() == list(curve.COUNTS)
    assert rows.right.tolist()[:2] == [3, curve.COUNTS[1]]
    fresh = curve.points(tmp_path / "fresh.csv", Here())
    curve.draw(fresh, tmp_path / "fresh.png", others={"raw": (1, 4)})
    assert (tmp_path / "fresh.png").exists() and not list(tmp_path.glob("*.part"))


def test_the_tasks_are_clear_and_in_the_same_order_every_time():
    order = curve._clear_tasks()
    assert len(order) >= max(curve.COUNTS) and order == curve._clear_tasks()
    assert all(task.clear and not task.opaque for task in order)


def test_the_points_are_drawn_as_shares(monkeypatch, tmp_path):
    shown = {}
    monkeypatch.setattr(plt, "close", lambda: shown.update(ax=plt.gca()))
    rows = pd.DataFrame({"tasks": [8, 16], "right": [30, 60], "n": [100, 100]})
    curve.draw(rows, tmp_path / "curve.png", others={"raw": (1, 4)})
    assert list(shown["ax"].lines[0].get_ydata()) == pytest.approx([30, 60])
    assert (tmp_path / "curve.png").stat().st_size > 5_000
    monkeypatch.undo()
    plt.close("all")
