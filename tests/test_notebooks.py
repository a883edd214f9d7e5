"""Every committed notebook was run clean, shows nothing but what is for readers, and says only what it shows."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from helpers.provider.recordings import DamagedRecording, Recordings
from helpers.provider.shelves import RECORDINGS
from helpers.publishing import notebooks, readme
from helpers.settings import ROOT
from tests import notebook_checks

COMMITTED = notebooks.committed()
each_notebook = pytest.mark.parametrize("path", COMMITTED + notebooks.solved(), ids=lambda path: path.stem)


def nbval(path, **environment) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "--nbval", "-p", "tests.nbval_kernel", "-p", "tests.nbval_prose",
               "-p", "no:cacheprovider", "-q", "--nbval-cell-timeout=60", "--rootdir", str(ROOT), str(path)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"COURSE_REPLAY": "only"} | environment,
                          capture_output=True, text=True)


@each_notebook
def test_it_was_run_once_from_top_to_bottom(path):
    assert notebook_checks.run_complaints(nbformat.read(path, 4)) == []


@each_notebook
def test_its_outputs_are_for_readers(path):
    assert notebook_checks.output_complaints(nbformat.read(path, 4)) == []


@each_notebook
def test_its_links_lead_somewhere(path):
    assert notebook_checks.stale_links(nbformat.read(path, 4), path.parent) == []


@each_notebook
def test_its_lead_ins_lead_to_code(path):
    assert notebook_checks.hanging_leads(nbformat.read(path, 4)) == []


@each_notebook
def test_its_prose_holds_no_formula_by_accident(path):
    assert notebook_checks.accidental_formulas(nbformat.read(path, 4)) == []


def test_the_readme_lists_every_notebook():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.written(text) == text, "run `python -m helpers.publishing --outputs`"


# ---------------------------------------------------------------- the checks can fail

def test_a_falsified_output_fails(tmp_path):
    notebook = nbformat.read(COMMITTED[0], 4)
    output = next(output for cell in notebook.cells for output in cell.get("outputs", []) if "of 300" in str(output))
    falsify(output)
    nbformat.write(notebook, tmp_path / "falsified.ipynb")
    result = nbval(tmp_path / "falsified.ipynb")
    assert result.returncode == 1 and "of 299" in result.stdout, result.stdout[-2000:]


def falsify(output) -> None:
    """Change every 'of 300' an output shows into 'of 299'."""
    if "text" in output:
        output["text"] = output["text"].replace("of 300", "of 299")
    for kind, shown in output.get("data", {}).items():
        output["data"][kind] = shown.replace("of 300", "of 299") if isinstance(shown, str) else shown


@pytest.mark.parametrize("prose, complaint", [
    ("It is 4<!--=x-->.", "4 should be 3"), ("It is 3.", "3 says neither"), ("It is 3<!--=y-->.", "NameError"),
    ("It is 5<!--=x + 2-->.", "5 stands in no output")])
def test_prose_that_says_something_else_fails(tmp_path, prose, complaint):
    cells = [nbformat.v4.new_markdown_cell(prose), nbformat.v4.new_code_cell("x = 3\nprint(x)", execution_count=1)]
    cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="3\n")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "says.ipynb")
    result = nbval(tmp_path / "says.ipynb")
    assert result.returncode == 1 and complaint in result.stdout, result.stdout[-2000:]


def test_an_edited_recording_fails(tmp_path):
    for path in RECORDINGS.glob("*.jsonl"):
        shutil.copy(path, tmp_path)
    edited = tmp_path / f"{COMMITTED[0].stem}.jsonl"
    lines = edited.read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if '"call"' in line)
    line = json.loads(lines[number])
    line["reply"]["choices"][0]["message"]["content"] = "delivery"
    lines[number] = json.dumps(line, ensure_ascii=False)
    edited.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(DamagedRecording, match=rf"{edited.name}, line {number + 1}"):
        list(Recordings(tmp_path, strict=True).calls())


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDINGS.glob("*.jsonl")))
def test_each_committed_recording_is_whole_by_itself(name):
    recordings = Recordings(RECORDINGS, strict=True, files=name)
    assert sum(1 for _ in recordings.calls()) == len(recordings) > 0


def test_a_dead_kernel_is_noticed_at_once(tmp_path):
    cell = nbformat.v4.new_code_cell("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", execution_count=1)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "dies.ipynb")
    result = nbval(tmp_path / "dies.ipynb")
    assert result.returncode != 0 and "kernel died" in result.stdout + result.stderr
