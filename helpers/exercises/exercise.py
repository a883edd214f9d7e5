"""What an exercise is: a name, hints, and a function that marks an answer.

    @exercise("01.1", hints=["Look at ...", "Two of the labels ..."])
    def name_the_labels(answer) -> str:
        must(callable(answer), "my_prompt is not a function")
        return "it names all seven labels"

Does not: know where it is asked (see the notebooks) or how it is solved (see notebooks/solutions/).
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

MODULES = {"01": "better_prompting", "02": "few_shot", "03": "rag", "04": "fine_tuning", "05": "evaluation",
           "06": "cost", "07": "your_own_data"}


class NotYet(Exception):
    """An answer is not right yet; the message says what about it, in words that lead on."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. `mark` takes the answer and returns what is good about it, or raises NotYet."""

    name: str
    hints: Sequence[str]
    mark: Callable[..., str]


_known: dict[str, Exercise] = {}


def exercise(name: str, hints: Sequence[str]) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Enter the function that marks an exercise's answers. Example: @exercise("01.1", hints=["Look at the rows."])"""
    def enter(mark: Callable[..., str]) -> Callable[..., str]:
        _known[name] = Exercise(name, hints, mark)
        return mark
    return enter


def find(name: str) -> Exercise:
    """Return an exercise. Raises LookupError that names those there are. Example: find("01.1").hints[0]"""
    known = of_notebook(name.partition(".")[0])
    if name not in known:
        raise LookupError(f"There is no exercise {name!r}. There are: {', '.join(sorted(known))}.")
    return known[name]


def of_notebook(number: str) -> dict[str, Exercise]:
    """Return a notebook's exercises by name. Raises LookupError when it has none. Example: of_notebook("01")"""
    if number not in MODULES:
        raise LookupError(f"Notebook {number!r} has no exercises; these have: {', '.join(MODULES)}.")
    import_module(f"helpers.exercises.{MODULES[number]}")
    return {name: one for name, one in _known.items() if name.partition(".")[0] == number}


def must(holds: object, why_not: str) -> None:
    """Raise NotYet unless something holds. Example: must(len(rows) == 20, f"It has {len(rows)} rows, not 20.")"""
    if not holds:
        raise NotYet(why_not)
