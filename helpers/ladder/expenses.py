"""What a thousand calls of each method take, in dollars and seconds, and after how many calls training pays.

    per_thousand(run).seconds -> 110.0
    break_even(runs, steps) -> "The training took 2 minutes. A call then takes 0.11 s, against 0.75 s of ..."

Does not: price people's hours, or a hosted training.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isinf

from helpers import cost
from helpers.evaluation import Run
from helpers.ladder.rungs import MODEL, TUNED
from helpers.progress import duration


@dataclass(frozen=True)
class Thousand:
    """The mean call, a thousand times."""

    tokens_in: float        # of one call
    tokens_out: float
    dollars: float
    seconds: float


def per_thousand(run: Run) -> Thousand:
    """Return what a thousand calls like the run's take."""
    rows = run.rows
    return Thousand(float(rows.prompt_tokens.mean()), float(rows.completion_tokens.mean()),
                    1000 * float(rows.cost.mean()), 1000 * float(rows.seconds.mean()))


def break_even(runs: Sequence[Run], steps: Sequence[dict]) -> str:
    """Say after how many calls the training is won back in time, against the best prompted method."""
    prompted = [run for run, step in zip(runs, steps, strict=True) if step["kind"] == MODEL]
    trained = next(((run, step) for run, step in zip(runs, steps, strict=True) if step["kind"] == TUNED), None)
    if not trained:
        return "Nothing was trained, so nothing is paid once but the labelling of rows and the fitting of baselines."
    tuned, step = trained
    if not prompted:
        return f"The training took {duration(step['once'])}; no prompted method was asked to compare it with."
    best = max(prompted, key=lambda run: run.accuracy)
    dear, cheap = (per_thousand(run).seconds / 1000 for run in (best, tuned))
    calls = cost.break_even(step["once"], dear - cheap)
    against = (f"The training took {duration(step['once'])}. A call then takes {cheap:.2f} s, against {dear:.2f} s of "
               f"{best.name!r}")
    return (f"{against}: no call is saved, whatever the volume." if isinf(calls) else
            f"{against}: in time, the training is won back after about {ceil(calls):,} calls.")
