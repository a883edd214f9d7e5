"""Write the README's table of notebooks, and each notebook's links to its neighbours, from the notebooks themselves.

A notebook's metadata holds `course: {"question": …, "minutes": …}`; its first heading is its title.
"""
from __future__ import annotations

import re
from pathlib import Path

import nbformat

from helpers.publishing.notebooks import committed
from helpers.settings import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- notebooks -->\n).*?(<!-- end of notebooks -->)", re.S)


def table() -> str:
    """Return the table of notebooks as markdown, a row each."""
    rows = ["| | notebook | its question | minutes |", "|---|---|---|---|"]
    return "\n".join(rows + [_row(path) for path in committed()]) + "\n"


def _row(path: Path) -> str:
    notebook = nbformat.read(path, as_version=4)
    course = notebook.metadata.course
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ").split(". ", 1)[-1]
    number = path.stem.split("_")[0]
    return f"| {number} | [{title}](notebooks/{path.name}) | {course.question} | {course.minutes} |"


def written(text: str) -> str:
    """Return the README's text with the table as it should be."""
    return BLOCK.sub(lambda match: match[1] + table() + match[2], text)


def refresh() -> None:
    """Write the README's table anew."""
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
