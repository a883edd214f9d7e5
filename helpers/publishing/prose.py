"""Hold every number in a notebook's prose to a value that the notebook computed.

A measured number in markdown is followed by an invisible comment that says where it comes from:

    The baseline gets 63<!--=majority.right--> of 300<!--=majority.total--> right (21%<!--=majority.accuracy:.0%-->).

The comment is the inside of an f-string, evaluated after the last cell. `record` writes the number from it; a test
evaluates it again, so that a changed number, or two numbers swapped, fail. A number that is no measurement (minutes to
read, a dated fact) says so: 10<!--given-->. Numbers in headings, code spans and link targets are left alone, and so
is a name: an exercise's in bold, as in **01.2 Read a table.**, and a link's, as in [notebook 00](00_start_here.ipynb).
Does not: run a notebook (see notebooks.py).
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

NUMBER = r"[-+−]?[$€£]?\d[\d,]*(?:\.\d+)?%?"
BOUND = re.compile(rf"(?P<text>{NUMBER})<!--=(?P<expression>.+?)-->")
GIVEN = re.compile(rf"{NUMBER}<!--given-->")
NAMES = r"\*\*\d\d\.\d(?=[ *])|\[notebook \d\d\w?(?=\])"
NOT_PROSE = re.compile(rf"^#.*$|{NAMES}|```[\s\S]*?```|`[^`\n]*`|\]\([^)]*\)|https?://\S+|<[^>]+>", re.M)


@dataclass(frozen=True)
class Claim:
    """A number in prose, the expression it comes from, and the outputs of its section."""

    text: str
    expression: str
    cell: int               # index of the markdown cell
    section_text: str       # all text output of the section; of the whole notebook for the opening section


def expressions(notebook: NotebookNode) -> list[str]:
    """Return the expressions behind all bound numbers, in order, each once."""
    found = (match["expression"] for _, cell in _markdown(notebook) for match in BOUND.finditer(cell.source))
    return list(dict.fromkeys(found))


def claims(notebook: NotebookNode) -> Iterator[Claim]:
    """Yield every bound number with the outputs it must be found in."""
    for index, cell in _markdown(notebook):
        for match in BOUND.finditer(cell.source):
            yield Claim(match["text"], match["expression"], index, _section_text(notebook, index))


def unbound(notebook: NotebookNode) -> list[tuple[int, str]]:
    """Return (cell, number) for every number in prose that says neither where it comes from nor that it is given."""
    found = []
    for index, cell in _markdown(notebook):
        bare = NOT_PROSE.sub(" ", GIVEN.sub(" ", BOUND.sub(" ", cell.source)))
        found += [(index, match) for match in re.findall(NUMBER, bare)]
    return found


def refreshed(notebook: NotebookNode, values: dict[str, str]) -> NotebookNode:
    """Write every bound number anew from its value."""
    for _, cell in _markdown(notebook):
        cell.source = BOUND.sub(lambda m: f"{values[m['expression']]}<!--={m['expression']}-->", cell.source)
    return notebook


def occurs(number: str, text: str) -> bool:
    """Is the number in the text as a number of its own?

    Example: occurs("66", "66 of 300") -> True; occurs("66", "1.66") -> False
    """
    return re.search(rf"(?<![\d.,]){re.escape(number)}(?![\d%]|[.,]\d)", text) is not None


def _markdown(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    return ((i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "markdown")


def _section_text(notebook: NotebookNode, index: int) -> str:
    """Return the text outputs between the cell's heading and the next; the opening may look at all."""
    headings = [i for i, cell in _markdown(notebook) if re.match(r"#{1,2} ", cell.source)]
    start = max((i for i in headings if i <= index), default=0)
    end = min((i for i in headings if i > index), default=len(notebook.cells))
    cells = notebook.cells if start == 0 else notebook.cells[start:end]
    return "\n".join(text_of(output) for cell in cells for output in cell.get("outputs", []))


def text_of(output: NotebookNode) -> str:
    """Return what a reader sees of an output, tables without their tags."""
    data = output.get("data", {})
    shown = output.get("text") or data.get("text/html") or data.get("text/plain") or ""
    return re.sub(r"<style.*?</style>|<[^>]+>", " ", shown, flags=re.S)
