"""Minutes and memory in docs/teaching.md are what the notebooks and the measurements say."""
from __future__ import annotations

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.publishing import notebooks, timetable


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "00_try.ipynb"
    nbformat.write(new_notebook(cells=[
        new_markdown_cell("# 0. Try\n\nfour words of opening"),
        new_markdown_cell("## Count\n\n" + "word " * 99), new_code_cell("1"),
        new_markdown_cell("### Again\n\n" + "word " * 98), new_code_cell("2"),
        new_markdown_cell("## Stop")]), path)
    return path


def test_a_section_goes_on_to_the_next_heading_of_its_level(path):
    assert [(part.title, part.words, part.cells) for part in timetable.sections(path)] == [
        ("(opening)", 6, 0), ("Count", 199, 2), ("Stop", 1, 0)]


def test_words_at_200_a_minute_and_15_seconds_a_cell():
    assert timetable.Section("00", "Count", words=300, cells=2).minutes == 2.0


def test_what_a_reader_does_not_see_is_not_counted(tmp_path):
    path = tmp_path / "00_try.ipynb"
    text = "The [data card](../data/tickets/card.md) has 63<!--=majority.right--> rows"
    nbformat.write(new_notebook(cells=[new_markdown_cell(text)]), path)
    assert timetable.sections(path)[0].words == 6


@pytest.mark.parametrize(("known", "shown"), [([1.5, 2.5], "4"), ([1.5, None], "over 2"), ([None], "–")])
def test_a_sum_says_when_a_part_was_not_measured(known, shown):
    assert timetable._total(known) == shown


@pytest.mark.parametrize(("minutes", "shown"), [(0.1, "½"), (1.0, "1"), (1.6, "1½"), (2.9, "3")])
def test_minutes_are_rounded_to_halves(minutes, shown):
    assert timetable._halves(minutes) == shown


def test_both_tables_are_fresh():
    text = timetable.TEACHING.read_text(encoding="utf-8")
    assert timetable.written(text) == text, "run `python -m helpers.publishing.timetable`"
    assert "<!-- minutes -->" in text and "<!-- memory -->" in text


def test_each_timetable_adds_up_and_names_notebooks_that_are_there():
    text = timetable.TEACHING.read_text(encoding="utf-8").split("## What usually goes wrong")[0]
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    sums = [sum(int(row.split("|")[1]) for row in table.splitlines() if re.match(r"\| \d", row)) for table in tables]
    assert sums == [90, 240, 360, 360]
    named = set(re.findall(r"\.\./notebooks/(\w+)\.ipynb", text))
    assert named == {path.stem for path in notebooks.committed()}


def test_every_section_that_the_guides_name_exists():
    titles = {re.sub(r"^#+ ", "", line) for path in notebooks.committed()
              for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"
              for line in cell.source.splitlines() if line.startswith("#")}
    guides = timetable.TEACHING.read_text(encoding="utf-8") + (timetable.TEACHING.parent / "self-study.md").read_text(
        encoding="utf-8")
    rows = [line for line in guides.splitlines() if "../notebooks/" in line]
    named = {name.strip("*") for row in rows for name in re.findall(r"\*[A-Z][^*|]+\*", row)}
    assert named - titles == set()
