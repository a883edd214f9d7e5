"""A notebook is run in a kernel of its own, and its prose is evaluated there."""
from __future__ import annotations

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from helpers.publishing import notebooks


def written(folder, *cells):
    path = folder / "00_try.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def test_values_are_those_after_the_last_cell_with_their_format(tmp_path):
    path = written(tmp_path, new_markdown_cell("It is 0<!--=x--> and 0%<!--=x / 8:.0%-->."),
                   new_code_cell("x = 1"), new_code_cell("x = 2"))
    notebook, values = notebooks.run(path)
    assert values == {"x": "2", "x / 8:.0%": "25%"}
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert len(notebook.cells) == 3


def test_settings_reach_the_kernel(tmp_path):
    path = written(tmp_path, new_code_cell("import os; print(os.environ['COURSE_REPLAY'])"))
    notebook, _ = notebooks.run(path, COURSE_REPLAY="only")
    assert notebook.cells[0].outputs[0].text == "only\n"


def test_a_failing_cell_fails_the_run(tmp_path):
    with pytest.raises(CellExecutionError):
        notebooks.run(written(tmp_path, new_code_cell("1 / 0")))


def test_a_saved_notebook_holds_nothing_of_the_machine_that_ran_it(tmp_path):
    path = written(tmp_path, new_code_cell("1 + 1"))
    notebook, _ = notebooks.run(path)
    notebooks.save(notebook, path)
    saved = nbformat.read(path, 4)
    assert saved.metadata.language_info == {"name": "python"} and "widgets" not in saved.metadata
    assert "execution" not in saved.cells[0].metadata
