"""The progress bar: seen while work is slow, never when it is quick, and gone from a saved notebook."""
from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import helpers
from helpers import progress
from helpers.progress import Progress

SLOW = """
import time
from helpers import evaluate, progress
from helpers.tasks import Example, Task
progress.PATIENCE, progress.REFRESH = {patience}, 0.0
shown = []
show = progress._NotebookBar.show
progress._NotebookBar.show = lambda bar, *about: (shown.append(about), show(bar, *about))
task = Task("mini", {{"category": {{"a": "", "b": ""}}}}, "category")

def slow(example):
    time.sleep(0.02)
    return "a"

run = evaluate(slow, [Example(f"e{{i}}", "text", "a", {{}}, task) for i in range(40)], name="slow work", workers=4)
run.right
"""


@pytest.fixture
def patience(monkeypatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "REFRESH", 0.0)


def run_notebook(folder: Path, *cells: str) -> list[list[dict]]:
    """Run cells in a kernel, save the notebook, and return the saved outputs of each cell."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    root = str(Path(helpers.__file__).parent.parent)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": root}}).execute(env=dict(os.environ))
    nbformat.write(notebook, folder / "tiny.ipynb")
    saved = nbformat.read(folder / "tiny.ipynb", as_version=4)
    return [cell.outputs for cell in saved.cells]


def test_a_saved_notebook_shows_no_trace_of_a_bar_that_was_there(tmp_path):
    quick, looked, slow, shown = run_notebook(tmp_path, SLOW.format(patience=60), "shown", SLOW.format(patience=0.1),
                                              "len(shown), shown[-1][:3]")
    assert (text_of(quick), text_of(looked)) == (["40"], ["[]"])
    assert text_of(slow) == ["40"]
    assert eval(text_of(shown)[0])[0] > 3 and eval(text_of(shown)[0])[1] == ("slow work", 40, 40)
    assert not [output for output in (*quick, *slow) if output.output_type == "stream"]
    assert all(output.data == {} for output in slow if output.output_type == "display_data")
    assert "slow work" not in str(slow) and "progress" not in str(slow)
    assert "display_data" not in [output.output_type for output in quick]


def text_of(outputs: list[dict]) -> list[str]:
    """Return the plain text of the outputs that have any."""
    return [output.data["text/plain"] for output in outputs if output.get("data")]


def test_in_a_terminal_a_bar_appears_only_when_the_work_is_slow(capsys):
    with Progress("quick", 5) as bar:
        for _ in range(5):
            bar.step()
    assert "".join(capsys.readouterr()) == ""


def test_in_a_terminal_the_bar_names_the_work_and_clears_its_line(patience, capsys):
    with Progress("slow work", 5) as bar:
        for _ in range(5):
            bar.step()
    out, err = capsys.readouterr()
    assert out == "" and "slow work" in err and "5/5" in err
    assert err.split("\r")[-1].strip() == "" or err.endswith("\r")


def test_an_error_inside_is_passed_on_and_the_bar_is_closed(patience, capsys):
    with pytest.raises(KeyError), Progress("slow work", 5) as bar:
        bar.step()
        raise KeyError
    assert bar._bar.disable or bar._bar.n == 1
    assert capsys.readouterr().err.endswith("\r")
