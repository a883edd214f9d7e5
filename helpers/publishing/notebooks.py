"""Run a notebook from top to bottom in a kernel of its own, and evaluate what its prose claims.

Does not: decide whether replies are live or replayed; the environment given to the kernel does.
"""
from __future__ import annotations

import json
import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from helpers.publishing.prose import expressions
from helpers.settings import ROOT

NOTEBOOKS = ROOT / "notebooks"
CELL_SECONDS = 1_800      # asked live, on a busy machine
MARK = "prose-values:"


def committed() -> list[Path]:
    """Return the course's notebooks in the order they are read."""
    return sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def solved() -> list[Path]:
    """Return the notebooks that solve the exercises, one to each notebook that has some."""
    return sorted((NOTEBOOKS / "solutions").glob("[0-9]*.ipynb"))


def run(path: Path, **environment: str) -> tuple[NotebookNode, dict[str, str]]:
    """Return the notebook as run, and the text of every number its prose is bound to.

    Raises nbclient's CellExecutionError when a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=CELL_SECONDS, startup_timeout=300, iopub_timeout=120,
                            resources={"metadata": {"path": str(path.parent)}})
    with client.setup_kernel(env=os.environ | environment):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        values = _values(client, expressions(notebook))
    return _clean(notebook), values


def _values(client: NotebookClient, found: list[str]) -> dict[str, str]:
    """Evaluate the expressions in the notebook's own kernel, as they stand after the last cell."""
    cell = nbformat.v4.new_code_cell(asking_for(found))
    client.nb.cells.append(cell)
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1)
    finally:
        client.nb.cells.pop()
    return values_in("".join(output.get("text", "") for output in cell.outputs))


def asking_for(found: list[str]) -> str:
    """Return a cell's code that prints the value of each expression, for `values_in` to read."""
    pairs = ", ".join(f"{expression!r}: f{'{' + expression + '}'!r}" for expression in found)
    return f"import json\nprint({MARK!r} + json.dumps({{{pairs}}}))"


def values_in(printed: str) -> dict[str, str]:
    """Return the text of every expression's value from what the cell of `asking_for` printed."""
    return json.loads(printed.split(MARK, 1)[1])


def _clean(notebook: NotebookNode) -> NotebookNode:
    """Remove what differs from run to run and tells a reader nothing."""
    notebook.metadata.pop("widgets", None)      # some viewers call a notebook with widget state invalid
    notebook.metadata.kernelspec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return notebook


def save(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook to its file."""
    nbformat.write(notebook, path)
