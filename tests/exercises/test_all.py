"""Every notebook with exercises: each untouched, solved, hinted at, answered wrongly; and a quiz that explains itself.

A notebook whose exercises are not written yet is skipped. That a cell's output is what the cell prints is held by
`python course.py test`, which runs notebooks and solutions and compares.
"""
from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec

import nbformat
import pytest
from nbformat import NotebookNode

from helpers.exercises.desk import SOLUTIONS, source
from helpers.exercises.exercise import MODULES, Exercise, of_notebook
from helpers.exercises.questions import questions
from helpers.publishing.notebooks import NOTEBOOKS

FEWEST, MOST = 3, 5                     # exercises of a notebook
FEWEST_ASKED, MOST_ASKED = 4, 6         # questions of a quiz
each_notebook = pytest.mark.parametrize("number", MODULES)


def exercises(number: str) -> dict[str, Exercise]:
    """Return a notebook's exercises; the test is skipped where they are not written yet."""
    module = f"helpers.exercises.{MODULES[number]}"
    if find_spec(module) is None:
        pytest.skip(f"{module} is not written yet")
    return of_notebook(number)


@cache
def cells(name: str) -> list[NotebookNode]:
    [path] = NOTEBOOKS.glob(name)
    return nbformat.read(path, as_version=4).cells


def checking(name: str, notebook: str) -> NotebookNode:
    """Return the one cell of a notebook whose last line checks an exercise."""
    found = [cell for cell in cells(notebook) if cell.cell_type == "code" and f'check("{name}"' in cell.source]
    assert len(found) == 1, f"{len(found)} cells of {notebook} check {name}"
    assert found[0].source.splitlines()[-1].startswith(f'check("{name}"'), f"{name}: the check is not the last line"
    return found[0]


def printed(cell: NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


# ---------------------------------------------------------------- exercises

@each_notebook
def test_three_to_five_exercises_numbered_in_the_order_of_the_notebook(number):
    names = list(exercises(number))
    assert FEWEST <= len(names) <= MOST
    assert names == [f"{number}.{place}" for place in range(1, len(names) + 1)]
    shown = "\n".join(cell.source for cell in cells(f"{number}_*.ipynb"))
    assert re.findall(r"^check\(\"([\d.]+)\"", shown, re.M) == names


@each_notebook
def test_each_exercise_is_introduced_by_its_bold_name(number):
    for name in exercises(number):
        notebook = cells(f"{number}_*.ipynb")
        before = notebook[notebook.index(checking(name, f"{number}_*.ipynb")) - 1]
        assert before.cell_type == "markdown" and f"**{name} " in before.source, name
        assert before.source.rstrip()[-1] in ":?", f"{name}: its introduction does not lead into the cell"


@each_notebook
def test_the_untouched_cell_is_not_right(number):
    for name in exercises(number):
        assert printed(checking(name, f"{number}_*.ipynb")).startswith("Not yet: "), name


@each_notebook
def test_the_solution_is_right(number):
    for name in exercises(number):
        assert printed(checking(name, f"solutions/{number}_solutions.ipynb")).startswith("Right: "), name


@each_notebook
def test_the_solution_that_is_shown_is_the_one_that_was_run(number):
    for name in exercises(number):
        shown = source(name)
        assert shown in checking(name, f"solutions/{number}_solutions.ipynb").source and "check(" not in shown


@each_notebook
def test_exercise_and_solution_are_checked_alike(number):
    """The check's last line is the same in both, so that a solution solves the exercise as it is set."""
    for name in exercises(number):
        lines = [checking(name, notebook).source.splitlines()[-1]
                 for notebook in [f"{number}_*.ipynb", f"solutions/{number}_solutions.ipynb"]]
        assert lines[0] == lines[1]


@each_notebook
def test_hints_come_in_steps(number):
    for name, one in exercises(number).items():
        assert len(one.hints) >= 2 and len(set(one.hints)) == len(one.hints), name


@each_notebook
def test_each_exercise_is_held_to_at_least_two_wrong_answers(number):
    """They stand in WRONG of the module's own tests, which hand them in (see marking.py)."""
    names = exercises(number)
    wrong = import_module(f"tests.exercises.test_{MODULES[number]}").WRONG
    assert {name: len(wrong.get(name, ())) for name in names if len(wrong.get(name, ())) < 2} == {}
    assert wrong.keys() <= names.keys()


def test_there_are_solutions_to_nothing_else():
    known = {f"{number}_solutions" for number in MODULES}
    assert {path.stem for path in SOLUTIONS.glob("*.ipynb")} <= known


# ---------------------------------------------------------------- quizzes

@each_notebook
def test_a_quiz_has_a_handful_of_questions_no_two_the_same(number):
    exercises(number)
    texts = [one.text for one in questions(number)]
    assert FEWEST_ASKED <= len(texts) <= MOST_ASKED
    assert len(set(texts)) == len(texts)


@each_notebook
def test_every_option_is_explained_and_exactly_one_is_right(number):
    exercises(number)
    for one in questions(number):
        assert sum(option.right for option in one.options) == 1, one.text
        assert len(one.options) >= 3 and all(option.why.strip() for option in one.options), one.text
        for part in ["text", "why"]:
            assert len({getattr(option, part) for option in one.options}) == len(one.options), one.text


@each_notebook
def test_the_right_option_is_not_always_at_the_same_place(number):
    exercises(number)
    assert len({[option.right for option in one.options].index(True) for one in questions(number)}) > 1


@each_notebook
def test_the_notebook_ends_with_its_quiz(number):
    exercises(number)
    last = [cell for cell in cells(f"{number}_*.ipynb") if cell.cell_type == "code"][-1]
    assert last.source.strip() == f'quiz("{number}")' and last.metadata.tags == ["nbval-ignore-output"]
    assert questions(number)[0].text in str(last.outputs)
