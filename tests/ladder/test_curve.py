"""The learning curve is measured on validation rows, in halves of halves."""
from __future__ import annotations

from helpers.ladder import curve
from helpers.tasks import Example, load_task
from tests.ladder.own import served, texts
from tests.talking import mini_task


def test_halves_of_halves_with_two_labels_each():
    rows = [Example(f"e{i}", "x", "ab"[i % 2]) for i in range(360)]
    assert curve.sizes(rows) == [45, 90, 180, 360] and curve.sizes(rows[:30]) == [15, 30]
    alike = [Example(f"e{i}", "x", "a" if i < 100 else "b") for i in range(200)]
    assert curve.sizes(alike) == [200]


def test_every_method_is_measured_on_the_same_rows(monkeypatch, loopback):
    served(monkeypatch, loopback)
    task = mini_task()
    made = [Example(f"e{i}", text, "delivery" if label == "delivery" else "billing", {}, task)
            for i, (text, label) in enumerate(texts(64))]
    task.train, task.validation = made[:40], made[40:]
    points = curve.measured(task)
    assert [(point["method"], point["n"]) for point in points] == [
        (method, n) for n in (10, 20, 40) for method in curve.METHODS]
    assert all(len(point["right"]) == 24 for point in points)


def test_other_answers_and_few_rows_have_no_curve():
    assert curve.measured(load_task("invoices")) == [] == curve.measured(mini_task())
