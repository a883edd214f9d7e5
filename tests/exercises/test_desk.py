"""The desk: an answer is told right or not yet and never raises, hints come in steps, a solution is a cell as run."""
from __future__ import annotations

import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from helpers.exercises import check, desk, diary, hint, solution
from helpers.exercises.exercise import Exercise, find, must
from helpers.settings import ROOT


@pytest.fixture(autouse=True)
def mini(monkeypatch):
    """One exercise: give a function that returns 4."""
    def mark(answer, *more):
        must(callable(answer), f"{answer!r} is no function.")
        must(answer() == 4, f"it returns {answer()!r}, not 4.")
        return "four it is."
    one = Exercise("01.1", ["Count.", "Count your fingers."], mark)
    monkeypatch.setattr(desk, "find", lambda name: {"01.1": one}[name])
    monkeypatch.setattr(desk, "_given", {})


def said(capsys) -> str:
    return capsys.readouterr().out.strip()


def test_a_right_answer_is_told_so_and_entered(capsys):
    check("01.1", lambda: 4)
    assert said(capsys) == "Right: four it is."
    assert list(diary.entries()) == ["01.1"]


def test_a_wrong_answer_is_told_why_and_not_entered(capsys):
    check("01.1", lambda: 5)
    assert said(capsys) == "Not yet: it returns 5, not 4."
    assert diary.entries() == {}


@pytest.mark.parametrize("answer", [(...,), (None,), (lambda: 4, ...)])
def test_the_dots_are_told_to_be_filled_in(answer, capsys):
    check("01.1", *answer)
    assert said(capsys) == "Not yet: nothing is filled in: put your answer in place of the dots."


def test_a_table_may_be_handed_in(capsys):
    """A comparison with a table gives a table; the search for dots must not ask whether that is true."""
    check("01.1", lambda: 4, pd.DataFrame({"a": [1, 2]}))
    assert said(capsys).startswith("Right")


def test_an_error_in_the_readers_code_is_told_and_not_raised(capsys):
    check("01.1", lambda: 1 / 0)
    assert said(capsys) == "Not yet: your code raised ZeroDivisionError: division by zero"


def test_an_error_in_a_notebooks_cell_names_its_line(capsys):
    names = {}
    exec(compile("def broken():\n    return [][1]\n", "/somewhere/ipykernel_77/123.py", "exec"), names)
    check("01.1", names["broken"])
    assert said(capsys) == "Not yet: your code raised IndexError: list index out of range (line 2 of its cell)"


def test_ctrl_c_is_not_swallowed():
    def stopped():
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        check("01.1", stopped)


def test_hints_come_one_after_the_other_and_begin_again(capsys):
    for _ in range(3):
        hint("01.1")
    assert said(capsys).splitlines() == ["Hint 1 of 2: Count.", "Hint 2 of 2: Count your fingers.",
                                         "Hint 1 of 2: Count."]


# ---------------------------------------------------------------- solutions

def solutions(folder, *cells: str) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, folder / "01_solutions.ipynb")


def test_a_solution_is_its_cell_without_the_check(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(desk, "SOLUTIONS", tmp_path)
    solutions(tmp_path, "def four():\n    return 4\n\ncheck(\"01.1\", four)", "check(\"01.11\", 5)")
    solution("01.1")
    assert said(capsys) == "def four():\n    return 4"


@pytest.mark.parametrize("cells", [[], ["check(\"01.1\", 4)", "check(\"01.1\", 5)"]])
def test_a_solution_that_is_missing_or_there_twice_is_an_error(monkeypatch, tmp_path, cells):
    monkeypatch.setattr(desk, "SOLUTIONS", tmp_path)
    solutions(tmp_path, *cells)
    with pytest.raises(LookupError, match=r"cells of notebooks/solutions/01_solutions\.ipynb check 01\.1, not one"):
        solution("01.1")


def test_an_exercise_that_is_not_there_raises(monkeypatch):
    monkeypatch.setattr(desk, "find", find)
    for at_the_desk in [check, hint, solution]:
        with pytest.raises(LookupError, match=r"no exercise '01\.9'"):
            at_the_desk("01.9")


def test_importing_it_brings_no_checker_of_schemas():
    """jsonschema, which nbformat brings, takes three seconds to import: every notebook would wait for it."""
    code = "import sys, helpers.exercises; print([name for name in ('nbformat', 'jsonschema') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr
