"""What follows from the runs: which rung is enough, how sure that is, and what would change it.

    advice(runs, target=0.9).head -> "Enough: 'prompt: label names' reaches 90%; even the low end of its interval does."

Does not: know your costs of being wrong, or of people's hours; put them beside it.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helpers.evaluation import Comparison, Run, compare
from helpers.intervals import wilson
from helpers.ladder.first import verdict
from helpers.validate.report import plural

MOST = 100_000      # rows beyond which nobody labels
TAIL = 0.025        # the chance that one method clears the target by luck, at its 95% interval


@dataclass(frozen=True)
class Advice:
    """A recommendation: its head, how sure it is, what would change it; `run` is what is recommended, if anything."""

    head: str
    sure: str
    change: list[str]
    run: Run | None = None


def advice(runs: Sequence[Run], target: float | None = None, rising: str = "") -> Advice:
    """Return what follows from the runs, which stand in the order of the ladder; `rising` is what the curve says."""
    if target is None:
        return _lowest(runs, rising)
    reached = next((run for run in runs if run.interval[0] >= target), None)
    perhaps = [run for run in runs if run.interval[1] >= target]
    head = verdict(list(runs), target).replace("\n", " ")
    if reached:
        return Advice(head, _sure_of_reaching(runs, reached), _changes(rising), reached)
    if perhaps:
        best = max(perhaps, key=lambda run: run.accuracy)
        return Advice(head, _rows_would_tell(best, target), _changes(rising))
    best = max(runs, key=lambda run: run.accuracy)
    sure = (f"The best, {best.name!r}, is right on {best.right} of {best.total}: {best.span}. More test rows "
            "would most likely say the same.")
    return Advice(head, sure, ["A larger model (COURSE_MODEL) may answer where this one does not.", *_changes(rising)])


def _sure_of_reaching(runs: Sequence[Run], reached: Run) -> str:
    return (f"It was right on {reached.right} of {reached.total}; the 95% interval is {reached.span}. "
            f"{plural(len(runs), 'method')} {'was' if len(runs) == 1 else 'were'} held against the target: the chance "
            f"that some method clears it by luck is at most {min(1, len(runs) * TAIL):.0%}.")


def _rows_would_tell(best: Run, target: float) -> str:
    needed = rows_to_tell(best.right, best.total, target)
    if needed is None:
        return (f"{best.name!r} is right on {best.right} of {best.total}, so close to {target:.0%} that {MOST:,} test "
                "rows would not tell. Decide by cost.")
    which = "above" if best.right / best.total > target else "below"
    return (f"{best.name!r} is right on {best.right} of {best.total}: {best.span}. If its share of right answers "
            f"stays what it is, about {needed - best.total:,} more test rows, {needed:,} in all, would put it {which} "
            f"{target:.0%}.")


def rows_to_tell(right: int, total: int, target: float) -> int | None:
    """Return how many test rows, with the same share right, put the whole interval on one side of the target.

    None for more than MOST. Example: rows_to_tell(45, 50, 0.85) -> 177
    """
    def told(n: int) -> bool:
        low, high = wilson(right / total * n, n)
        return low >= target or high < target
    if not told(MOST):
        return None
    low, high = total, MOST         # told(high) holds, and told grows with n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if told(middle) else (middle + 1, high)
    return low


# ---------------------------------------------------------------- without a target

def _lowest(runs: Sequence[Run], rising: str) -> Advice:
    """Recommend the lowest rung that the best one was not shown to beat."""
    best = max(runs, key=lambda run: run.accuracy)
    found = next(run for run in runs if run is best or compare(run, best).interval[0] <= 0)
    if found is best:
        return Advice(_head_of_best(runs, best), f"Its 95% interval is {best.span}." + (
                      f" The best of {len(runs)} looks a little better than it is." if len(runs) > 1 else ""),
                      _changes(rising), best)
    compared = compare(found, best)
    low, high = compared.interval
    sure = (f"{found.right} against {best.right} of {best.total} right: {100 * compared.difference:+.1f} points "
            f"({100 * low:+.1f} to {100 * high:+.1f}). {_seen(compared)}")
    return Advice(f"{found.name!r} is the lowest rung that {best.name!r}, right most often, was not shown to beat.",
                  sure, _changes(rising), found)


def _seen(compared: Comparison) -> str:
    """Say what difference these rows could have shown."""
    if compared.detectable == 1:
        return "Too few rows differ to say what these could have shown."
    return (f"These rows show a difference of {100 * compared.detectable:.0f} points or more; a smaller one may be "
            "there.")


def _head_of_best(runs: Sequence[Run], best: Run) -> str:
    below = ", and every rung below it was shown to be worse" if best is not runs[0] else ""
    return f"No rung is right more often than {best.name!r}, {best.right} of {best.total}{below}."


def _changes(rising: str) -> list[str]:
    return [*[rising] * bool(rising),
            "Labels that are wrong, in the test or in training: read the errors below.",
            "Rows that will come from elsewhere, or later, than these.",
            "Another model: the rungs that ask one were measured with the one named above."]


def rising(curve: Sequence[dict]) -> str:
    """Say whether the best baseline still gained from the last doubling of its rows; nothing without a curve."""
    if not curve:
        return ""
    last = max(point["n"] for point in curve)
    ends = [point for point in curve if point["n"] == last]
    best = max(ends, key=lambda point: sum(point["right"]))
    own = sorted((point for point in curve if point["method"] == best["method"]), key=lambda point: point["n"])
    if len(own) < 2:
        return ""
    before, after = own[-2:]
    gain = (sum(after["right"]) - sum(before["right"])) / len(after["right"])
    return (f"More training rows: from {before['n']} to {after['n']} of them {best['method']} went "
            f"{100 * gain:+.0f} points on {len(after['right'])} validation rows.")
