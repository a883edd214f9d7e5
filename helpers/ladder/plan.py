"""Say what a climb will take, in minutes and dollars, and how many rows it can ask in that time.

    plan = fitting(task, {"prompt": candidates, ...}, target, minutes=15, most=150)
    print(plan)

Tokens are counted from the texts, about four bytes each, before anything is asked. On this machine the time is that
of reading what a prompt does not share with the one before it, and of writing the answer. Does not: measure speed.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from helpers.ladder.rungs import FORMS, Candidate, Size
from helpers.ladder.splits import CHOOSING_ROWS
from helpers.progress import duration
from helpers.provider import Target
from helpers.provider.budget import Tokens
from helpers.tasks import Task

READ, WRITE = 300, 40           # tokens a second of the embedded model on two cores, read and written, 2026-11-29
EMBED = 1_000                   # tokens a second of MiniLM
WEB, AT_ONCE = 1.5, 8           # seconds a hosted call takes, and how many run side by side
CONTEXT = {True: 7_500, False: 100_000}     # tokens of a prompt, embedded or not
FEWEST_CHOOSING = 20            # validation rows below which a choice would be noise
SHARES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.3, 0.2)
FEWEST_TEST = 30
FIXED = 20                      # seconds: start the engine, fit the baselines


@dataclass(frozen=True)
class Item:
    """What one rung will take."""

    rung: str
    candidates: int
    tokens: int         # of the longest prompt among its candidates
    seconds: float
    dollars: float


@dataclass(frozen=True)
class Plan:
    """How many rows are asked, and what that takes."""

    test: int
    validation: int
    items: list[Item]
    minutes: float              # allowed
    dropped: dict[str, str] = field(default_factory=dict)       # candidates that are not tried, and why
    free: bool = True
    embedding: float = 0.0      # seconds

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return FIXED + self.embedding + sum(item.seconds for item in self.items)

    @property
    def dollars(self) -> float:
        """About what it costs at list price."""
        return sum(item.dollars for item in self.items)

    def __str__(self) -> str:
        paid = "free" if self.free else f"${self.dollars:.2f} at list price"
        over = (f" That is more than the {self.minutes:g} minutes allowed: name fewer --rungs, or more --minutes."
                if self.seconds > 60 * self.minutes else "")
        return (f"{self.test} test rows and {self.validation} validation rows are asked at each rung: about "
                f"{duration(self.seconds)}, {paid}.{over}")


def fitting(task: Task, rungs: Mapping[str, Sequence[Candidate]], target: Target, *, minutes: float, most: int,
            money: float = float("inf")) -> Plan:
    """Return the plan with the most rows that fits the minutes and the money, or the smallest if none does."""
    kept, dropped = _kept(rungs, target.embedded)
    choosing = min(len(task.validation), CHOOSING_ROWS)
    choosing = choosing if choosing >= FEWEST_CHOOSING else 0
    tests = min(len(task.test), most)
    plans = [_plan(task, kept, target, max(round(share * tests), min(FEWEST_TEST, tests)),
                   max(round(share * choosing), min(FEWEST_CHOOSING, choosing)), minutes, dropped) for share in SHARES]
    return next((plan for plan in plans if plan.seconds <= 60 * minutes and plan.dollars <= money), plans[-1])


def _kept(rungs: Mapping[str, Sequence[Candidate]], embedded: bool) -> tuple[dict[str, list], dict[str, str]]:
    """Return the candidates whose prompts the model can read, and a sentence on each of the others."""
    kept = {name: [one for one in found if one.size.prompt <= CONTEXT[embedded]] for name, found in rungs.items()}
    dropped = {one.name: f"prompts of about {one.size.prompt:,} tokens, and the model reads {CONTEXT[embedded]:,}"
               for name, found in rungs.items() for one in found if one not in kept[name]}
    return kept, dropped


def _plan(task: Task, rungs: Mapping[str, Sequence[Candidate]], target: Target, test: int, validation: int,
          minutes: float, dropped: dict[str, str]) -> Plan:
    items = [_item(name, found, target, test, validation) for name, found in rungs.items() if found]
    some = [*task.train[:50], *task.test[:50]]
    each = sum(min(256, len(one.input) / 4) for one in some) / max(1, len(some))
    embedded = 2 * len(task.train) + min(len(task.validation), 150) + test      # the learning curve embeds parts anew
    return Plan(test, validation, items, minutes, dropped, target.price(target.model).free, embedded * each / EMBED)


def _item(name: str, found: Sequence[Candidate], target: Target, test: int, validation: int) -> Item:
    """Return what a rung takes: every candidate on validation, if there is a choice, and the largest on test."""
    sizes = [one.size for one in found]
    largest = max(sizes, key=lambda size: seconds(size, test, target))
    choice = validation and (name in FORMS or len(sizes) > 1)
    work = [(largest, test), *[(size, validation) for size in sizes if choice]]
    return Item(name, len(found), largest.prompt, sum(seconds(size, rows, target) for size, rows in work),
                sum(dollars(size, rows, target) for size, rows in work))


def seconds(size: Size, rows: int, target: Target) -> float:
    """Return about how long so many calls take. Example: of 300 new tokens each, a second a call"""
    if not target.on_this_machine:
        return rows * WEB / AT_ONCE
    return size.shared / READ + rows * (size.fresh / READ + size.answer / WRITE)


def dollars(size: Size, rows: int, target: Target) -> float:
    """Return the list price of so many calls. Raises UnknownPrice."""
    return rows * target.price(target.model).of(Tokens(size.prompt, 0, size.answer))
