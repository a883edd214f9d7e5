"""The README's table is made from the notebooks."""
from __future__ import annotations

from helpers.publishing import readme


def test_the_table_is_written_between_its_marks_and_nothing_else_is_touched():
    text = "before\n<!-- notebooks -->\nstale\n<!-- end of notebooks -->\nafter\n"
    fresh = readme.written(text)
    assert "stale" not in fresh and readme.table() in fresh
    assert fresh.startswith("before\n") and fresh.endswith("after\n")
    assert readme.written(fresh) == fresh


def test_each_notebook_has_a_row_with_its_question_and_minutes():
    rows = readme.table().splitlines()[2:]
    assert len(rows) == len(readme.committed())
    assert all(row.count("|") == 5 and row.split("|")[4].strip().isdigit() for row in rows)
