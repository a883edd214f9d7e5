"""Quick work for the executor's tests. It stands here because other processes import it.

Each piece of work writes down in a file that it was begun, so that a test can say how often.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from helpers.experiments import Asked, Exam, Point
from helpers.tasks import Score

LOG = "TOYS_LOG"        # the setting that names the file, for work that gets a point


@dataclass(frozen=True)
class Toy:
    """An item: a number, and the file in which its beginnings stand."""

    number: int
    log: Path

    def __str__(self) -> str:
        return f"toy {self.number}"

    def begin(self) -> bool:
        """Write down that it was begun, and say whether for the first time."""
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{self.number}\n")
        return self.begun() == 1

    def begun(self) -> int:
        """Return how often it was begun."""
        return lines(self.log).count(str(self.number))


def lines(log: Path) -> list[str]:
    """Return what stands in the file."""
    return log.read_text(encoding="utf-8").split() if log.exists() else []


def square(toy: Toy) -> dict:
    """Return a small result at once."""
    toy.begin()
    return {"square": toy.number ** 2, "threads": os.environ.get("OMP_NUM_THREADS")}


def odd(toy: Toy) -> dict:
    """Fail for even numbers."""
    toy.begin()
    if toy.number % 2 == 0:
        raise ValueError(f"{toy.number} is even")
    return {"square": toy.number ** 2}


def slow_from_two(toy: Toy) -> dict:
    """Do 1 at once and the others for a minute; one that is interrupted says so, as one that writes a checkpoint."""
    if toy.number > 1:
        _a_minute(toy, toy.begin)
    else:
        toy.begin()
    return {"square": toy.number ** 2}


def its_worker_dies_once(toy: Toy) -> dict:
    """Kill the process that waits for 3, in the middle of it, when it is begun for the first time."""
    if toy.begin() and toy.number == 3:
        _a_minute(toy, _kill_the_parent)
    return {"square": toy.number ** 2}


def its_worker_dies(toy: Toy) -> dict:
    """Kill the process that waits for 2, every time."""
    toy.begin()
    if toy.number == 2:
        _a_minute(toy, _kill_the_parent)
    return {"square": toy.number ** 2}


def dies(toy: Toy) -> dict:
    """End as a process does that the system ends because memory is short."""
    psutil.Process().kill()
    return {}


def _kill_the_parent() -> None:
    psutil.Process(os.getppid()).kill()


def _a_minute(toy: Toy, first: Callable[[], object]) -> None:
    try:
        first()         # in here, as the interruption may come at once
        time.sleep(60)
    except KeyboardInterrupt:
        with toy.log.open("a", encoding="utf-8") as file:
            file.write("interrupted\n")
        raise


# ---------------------------------------------------------------- points

def point(number: int, experiment: str = "toy", **other: object) -> Point:
    """Return a run of the model as it is, with one question of a few tokens."""
    asked = Asked("a", [{"role": "user", "content": f"Say {number}."}], digits)
    return Point(experiment, {"number": number}, [], [Exam("test", [asked], limit=4)], **other)


def digits(reply: str) -> Score:
    """Mark a reply by whether it is a number."""
    return Score(True, reply.strip().isdigit())


def row(one: Point) -> dict:
    """Return what a run might bring."""
    exam = {"seconds": 1.0, "rows": [["a", True, True, "1"]]}
    return {"settings": one.settings, "id": one.id, "exams": {"test": exam}}


def slow_row_from_two(one: Point) -> dict:
    """Return 1's row at once, and wait for Ctrl-C in the others."""
    number = one.settings["number"]
    slow_from_two(Toy(number, Path(os.environ[LOG])))
    return row(one)
