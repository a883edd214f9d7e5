"""Do the long experiments, run by run: what is done is not done again, and a run that was cut off goes on.

    python -m helpers.experiments                        all that is missing
    python -m helpers.experiments learning_curve         one experiment
    python -m helpers.experiments --minutes 60           begin no new run after an hour
    python -m helpers.experiments --list                 what there is, what is done
    python -m helpers.experiments learning_curve --again "n 100, seed 0"    one run once more, beside what is kept
    python -m helpers.experiments --scheduler tcp://10.0.0.1:8786           by the workers of a Dask cluster

A cluster is `dask scheduler` on one machine and `dask worker ADDRESS` on each, all with the same commit of the course.
The results are kept here; a worker that is lost has its run done again.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from helpers import cluster
from helpers.executor import AGAIN, ExecutorError, Places, each
from helpers.experiments import facts, letters, tickets
from helpers.experiments.points import Point, rows
from helpers.experiments.runs import aloud, carry_out, is_done, keep, measured
from helpers.local.weights import WeightsError

# in the order in which they are worth having
EXPERIMENTS: dict[str, Callable[[], list[Point]]] = {
    "learning_curve": tickets.learning_curve, "facts_or_form": facts.facts_or_form, "voice": letters.voice,
    "forgetting": tickets.forgetting, "two_conditions": tickets.two_conditions,
    "data_and_settings": tickets.data_and_settings, "corrected_failures": tickets.corrected_failures,
    "split_category": tickets.split_category, "drift": tickets.drift}


def main() -> None:
    """Read the command line and do what is missing."""
    options = _options()
    names = list(dict.fromkeys(options.names or EXPERIMENTS))
    try:
        if options.list:
            _list(names)
        elif options.again:
            _again([point for name in names for point in EXPERIMENTS[name]()], options.again)
        else:
            with cluster.places(options) as places:
                _do_missing(names, places, time.monotonic() + 60 * options.minutes)
    except (ExecutorError, WeightsError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(f"\nStopped. {AGAIN}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m helpers.experiments", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("names", nargs="*", choices=[*EXPERIMENTS, []], metavar="NAME",
        help=f"which (default: all): {', '.join(EXPERIMENTS)}")
    add("--minutes", type=float, default=float("inf"), help="begin no new run after so many")
    add("--list", action="store_true", help="say what is done, and do nothing")
    add("--again", metavar="RUN", help="do one run of NAME once more, show it, and keep nothing")
    cluster.add_options(parser)
    return parser.parse_args()


def _list(names: list[str]) -> None:
    for name in names:
        for point in _plan(name, later=[]):
            print(f"{'done' if is_done(point) else 'missing':8} {point}")


def _do_missing(names: list[str], places: Places, deadline: float) -> None:
    """Do the runs that are missing; an experiment that waits for another's runs is planned again after them."""
    later, kept = [], 0
    for point, row in each(carry_out, _missing(names, deadline, later), places):
        keep(point, row)
        aloud(f"done     {point}")
        _show(row)
        kept += 1
    if later and kept:
        _do_missing(later, places, deadline)


def _missing(names: list[str], deadline: float, later: list[str]) -> Iterator[Point]:
    """Yield the runs that are missing, until the deadline."""
    for name in names:
        for point in _plan(name, later):
            if is_done(point):
                aloud(f"done     {point}")
            elif time.monotonic() > deadline:
                aloud("The time is over; the same command goes on from there.")
                later.clear()
                return
            else:
                aloud(f"training {point}")
                yield point


def _plan(name: str, later: list[str]) -> list[Point]:
    """Return an experiment's runs; none while it waits for another's, which is said and noted in `later`."""
    try:
        return EXPERIMENTS[name]()
    except LookupError as error:
        aloud(f"later    {name}: {error}")
        later.append(name)
        return []


def _again(points: list[Point], wanted: str) -> None:
    """Do the run whose name ends like this, and show it below what is kept of it."""
    found = [point for point in points if str(point).endswith(wanted)]
    if len(found) != 1:
        sys.exit(f"{len(found)} runs are called {wanted!r}. Name one as --list shows it, and its experiment.")
    for row in rows(found[0].experiment):
        if row["settings"] == found[0].settings:
            print(f"kept, of {row['date']}, trained in {row['seconds'] / 60:.1f} minutes:")
            _show(row)
    with TemporaryDirectory() as folder:        # an empty cache of adapters: the training is done, not looked up
        row = measured(found[0], aloud, Path(folder))
    print(f"now, trained in {row['seconds'] / 60:.1f} minutes:")
    _show(row)


def _show(row: dict) -> None:
    for exam, kept in row["exams"].items():
        aloud(f"  {exam}: {sum(right for _, _, right, _ in kept['rows'])} of {len(kept['rows'])} right, "
              f"{kept['seconds']:.0f} s")


if __name__ == "__main__":
    main()
