"""A number in prose is the number its cell printed."""
from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from helpers.publishing import prose
from tests.notebook_checks import prose_complaints

VALUES = {"a.right": "63", "b.right": "161"}


def notebook_saying(text: str, printed: str = "63 and 161 of 300"):
    output = new_output("stream", name="stdout", text=printed)
    return new_notebook(cells=[new_markdown_cell("# 0. Title"), new_markdown_cell("## Counting"),
                               new_code_cell("print(a, b)", outputs=[output], execution_count=1),
                               new_markdown_cell(text)])


TRUE = "The first gets 63<!--=a.right-->, the second 161<!--=b.right-->."


def test_true_prose_has_no_complaint():
    assert prose_complaints(notebook_saying(TRUE), VALUES) == []


@pytest.mark.parametrize("text, why", [
    (TRUE.replace("63", "64"), "a changed number"),
    (TRUE.replace("63", "x").replace("161", "63").replace("x", "161"), "two numbers swapped that both occur"),
    ("The first gets 63.", "a number bound to nothing"),
    ("Costs $2<!--given--> and takes 12 minutes.", "one given, one bound to nothing"),
])
def test_false_prose_is_noticed(text, why):
    assert prose_complaints(notebook_saying(text), VALUES), why


def test_a_true_number_that_its_section_does_not_show_is_noticed():
    assert prose_complaints(notebook_saying(TRUE, printed="63 of 300"), VALUES)


def test_numbers_in_code_links_and_headings_are_left_alone():
    text = "### 3 ways\nSee [01](01_x.ipynb), `n=20`, https://a.example/9"
    assert prose.unbound(notebook_saying(text)) == [(3, "01")]


def test_an_exercises_own_number_in_bold_is_left_alone_and_no_other():
    text = "**01.2 Read 3 rows.** **01.3** As in 01.1, and **63 tickets**"
    assert prose.unbound(notebook_saying(text)) == [(3, "3"), (3, "01.1"), (3, "63")]


def test_a_link_may_name_a_notebook_by_its_number():
    assert prose.unbound(notebook_saying("See [notebook 03b](03b_x.ipynb), not notebook 04.")) == [(3, "04")]


def test_refreshing_writes_every_bound_number_anew():
    stale = notebook_saying(TRUE.replace("63", "7"))
    assert prose.refreshed(stale, VALUES).cells[3].source == TRUE


@pytest.mark.parametrize("number, text, there", [
    ("66", "66 of 300", True), ("66", "1.66", False), ("66", "660", False), ("66", "66%", False), ("66%", "66%)", True),
    ("0.5", "10.5", False), ("66", "66.", True)])
def test_a_number_occurs_only_as_a_number_of_its_own(number, text, there):
    assert prose.occurs(number, text) is there
