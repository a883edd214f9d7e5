"""Where answers are handed in, and hints and solutions handed out."""
from __future__ import annotations

import json
import traceback

from helpers.exercises import diary
from helpers.exercises.exercise import NotYet, find
from helpers.settings import ROOT

SOLUTIONS = ROOT / "notebooks" / "solutions"
_given: dict[str, int] = {}     # how many hints of an exercise were read in this notebook


def check(name: str, *answer: object) -> None:
    """Say whether an answer is right, and if not, why; an error in the reader's own code is told, not raised.

    Raises LookupError for an exercise that is not there. Example: check("01.1", my_prompt)
    """
    one = find(name)
    try:
        if any(part is ... or part is None for part in answer):
            raise NotYet("nothing is filled in: put your answer in place of the dots.")
        good = one.mark(*answer)
    except NotYet as why:
        print(f"Not yet: {why}")
    except Exception as error:
        print(f"Not yet: your code raised {type(error).__name__}: {error}{_where(error)}")
    else:
        diary.enter(name)
        print(f"Right: {good}")


def _where(error: Exception) -> str:
    """Say on which line of a notebook's cell an error came up, if it was there."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if "ipykernel" in frame.filename]
    return f" (line {lines[-1]} of its cell)" if lines else ""


def hint(name: str) -> None:
    """Print the next hint, then the one after it, from the first again after the last. Example: hint("01.1")"""
    hints = find(name).hints
    number = _given.get(name, 0) % len(hints)
    _given[name] = number + 1
    print(f"Hint {number + 1} of {len(hints)}: {hints[number]}")


def solution(name: str) -> None:
    """Print one way to solve an exercise: the cell of notebooks/solutions/ that the tests run.

    Raises LookupError for an exercise that is not there. Example: solution("01.1")
    """
    find(name)
    print(source(name))


def source(name: str) -> str:
    """Return the code of a solution, its check left out. Example: source("01.1") -> "my_prompt = 'Sort ...'" """
    path = SOLUTIONS / f"{name.partition('.')[0]}_solutions.ipynb"
    written = json.loads(path.read_text(encoding="utf-8"))["cells"]     # nbformat would take three seconds to import
    cells = [code for cell in written if cell["cell_type"] == "code"
             and f'check("{name}"' in (code := "".join(cell["source"]))]
    if len(cells) != 1:
        raise LookupError(f"{len(cells)} cells of notebooks/solutions/{path.name} check {name}, not one.")
    return "\n".join(line for line in cells[0].splitlines() if not line.startswith("check(")).strip()
