"""The progress bar: seen while work is slow, never when it is quick, and gone from a saved notebook."""
from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import helpers
from helpers import progress
from helpers.progress import Progress, duration

PREPARE = """
import time
from helpers import evaluate, progress
from helpers.tasks import Example, LabelTask

shown = []

class SeenBar(progress._NotebookBar):
    def show(self, *about):
        shown.append(about)
        super().show(*about)

progress._NotebookBar, progress.REFRESH, progress.PATIENCE = SeenBar, 0.0, 60.0
task = LabelTask("mini", {"category": {"a": "", "b": ""}}, "category")
rows = [Example(f"e{i}", "text", "a", {}, task) for i in range(40)]

def slow(example):
    time.sleep(0.02)
    return "a"
"""
QUICK_WORK = """
evaluate(slow, rows, name="quick work").right, shown
"""
SLOW_WORK = """
progress.PATIENCE = 0.05
evaluate(slow, rows, name="slow work").right
"""


@pytest.fixture
def patience(monkeypatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "REFRESH", 0.0)


def run_notebook(folder: Path, *cells: str) -> list[list[dict]]:
    """Run cells in a kernel, save the notebook, and return the saved outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    root = str(Path(helpers.__file__).parent.parent)
    client = NotebookClient(notebook, timeout=300, iopub_timeout=60, resources={"metadata": {"path": root}})
    client.execute(env=dict(os.environ))
    nbformat.write(notebook, folder / "tiny.ipynb")
    saved = nbformat.read(folder / "tiny.ipynb", as_version=4)
    return [cell.outputs for cell in saved.cells]


def test_a_saved_notebook_shows_no_trace_of_a_bar_that_was_there(tmp_path):
    cells = PREPARE, QUICK_WORK, SLOW_WORK, "len(shown), shown[-1][:3]"
    prepared, quick, slow, shown = run_notebook(tmp_path, *cells)
    assert prepared == []
    assert [output.output_type for output in quick] == ["execute_result"] and text_of(quick) == ["(40, [])"]
    assert text_of(slow) == ["40"]
    assert {output.output_type for output in slow} == {"execute_result", "display_data"}
    times, last = ast.literal_eval(text_of(shown)[0])
    assert times > 3 and last == ("slow work", 40, 40)


def text_of(outputs: list[dict]) -> list[str]:
    """Return the plain text of the outputs that have any."""
    return [output.data["text/plain"] for output in outputs if output.get("data")]


def test_in_a_terminal_a_bar_appears_only_when_the_work_is_slow(capsys):
    with Progress("quick", 5) as bar:
        for _ in range(5):
            bar.step()
    assert "".join(capsys.readouterr()) == ""


def test_in_a_terminal_the_bar_names_the_work_and_clears_its_line(patience, capsys):
    with Progress("slow work", 3) as bar:
        for _ in range(3):
            time.sleep(0.11)        # tqdm draws ten times a second
            bar.step()
    out, err = capsys.readouterr()
    assert out == "" and "slow work" in err and "2/3" in err
    assert err.split("\r")[-2].strip() == "" and err.endswith("\r")


def test_an_error_inside_is_passed_on_and_the_bar_is_closed(patience, capsys):
    with pytest.raises(KeyError), Progress("slow work", 5) as bar:
        bar.step()
        raise KeyError
    assert capsys.readouterr().err.endswith("\r")


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (38.2, "38 s"), (147, "2 minutes")])
def test_times_are_said_as_people_do(seconds, said):
    assert duration(seconds) == said
