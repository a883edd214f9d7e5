"""Every claim has one row in the ledger; what it says was measured stands in the outputs of the notebook it names."""
from __future__ import annotations

import csv
import re
from functools import cache

import nbformat
import pytest

from helpers.publishing.notebooks import NOTEBOOKS
from helpers.publishing.prose import NUMBER, occurs
from helpers.settings import ROOT
from tests.notebook_checks import shown_by

COLUMNS = ["id", "claim", "who", "about", "experiment", "model", "n", "measured", "verdict", "notebook", "evidence"]
VERDICTS = ("supported", "not supported", "depends on ", "cannot tell: ", "not testable here: ", "open: ")
SMALL = "course-135m"
IN_A_NAME = re.compile(r"[A-Za-z][\w-]*\d[\w-]*")       # gpt-4o, K09: no number that was measured

with (ROOT / "data" / "results" / "claims.csv").open(encoding="utf-8", newline="") as file:
    ROWS = list(csv.DictReader(file))
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])


@cache
def outputs(stem: str) -> str:
    """Return all text that a notebook's cells put out, white space made one; of 07 what comes before the ledger."""
    cells = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", 4).cells
    ledger = next((i for i, cell in enumerate(cells) if cell.source.startswith("## The ledger")
                   or "\n## The ledger" in cell.source), len(cells))
    return shown_by(cells[:ledger])


def sections(number: str) -> set[str]:
    """Return a notebook's headings. Example: sections("06") -> {"Seconds", "People", ...}"""
    cells = nbformat.read(next(NOTEBOOKS.glob(f"{number}_*.ipynb")), 4).cells
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return set(re.findall(r"^##+ (.+)$", prose, re.M))


def plain(text: str) -> str:
    """Example: plain("a  b\\n c") -> "a b c" """
    return " ".join(text.split())


def complaints(row: dict[str, str], shown: str) -> list[str]:
    """Return what a row says and the outputs do not show."""
    numbers = [number.rstrip(",") for number in re.findall(NUMBER, IN_A_NAME.sub(" ", row["measured"]))]
    found = [f"{number} stands in no output" for number in numbers if not occurs(number, shown)]
    return found + [f"no such output: {row['evidence']!r}"] * (plain(row["evidence"]) not in shown)


def test_every_claim_has_one_row():
    assert [row["id"] for row in ROWS] == [f"K{number:02}" for number in range(1, 34)]
    assert all(list(row) == COLUMNS for row in ROWS)


@each_row
def test_a_row_says_who_what_and_where(row):
    assert row["claim"] and row["experiment"] and row["about"] in ("small", "large", "any")
    assert set(row["who"].split()) <= set("ABCDE") and row["who"]


@each_row
def test_its_verdict_is_one_of_the_six(row):
    assert row["verdict"].startswith(VERDICTS)


@each_row
def test_what_it_measured_stands_in_the_notebook(row):
    if row["notebook"]:
        assert complaints(row, outputs(row["notebook"])) == []
    else:
        assert row["verdict"].startswith("open: ") and not row["measured"] and not row["evidence"]


@each_row
def test_a_small_model_alone_judges_no_large_one(row):
    if row["about"] == "large" and row["model"] == SMALL:
        assert row["verdict"].startswith(("not testable here: ", "open: "))


@each_row
def test_its_sections_are_there(row):
    """Each "01, Heading" of the experiment names a notebook and a heading of it, unless it is planned."""
    for part in row["experiment"].split("; "):
        number, headings = part.removeprefix("tuning in ").split(", ", 1)
        if headings == "planned":
            assert not list(NOTEBOOKS.glob(f"{number}_*.ipynb")), f"{number} is there: is {row['id']} still planned?"
            continue
        wanted, there = headings.removesuffix(" (looked up)"), sections(number)
        assert wanted in there or set(wanted.split(" and ")) <= there, f"{number} has no section {wanted!r}"


def test_the_check_can_fail():
    row = next(row for row in ROWS if row["id"] == "K06")
    shown = outputs(row["notebook"])
    assert complaints(row | {"measured": "+10.9 points"}, shown) == ["+10.9 stands in no output"]
    assert complaints(row | {"evidence": "date: +99 points"}, shown) == ["no such output: 'date: +99 points'"]
