"""The exercises of notebook 05: a score without its faults, Wilson's interval, the power of a test, rows that belong
together, and a comparison planned before it is made."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.stats import binom

from helpers.evaluation import Run, compare
from helpers.exercises.exercise import NotYet, exercise, must
from helpers.intervals import wilson
from helpers.significance import clustered, paired_rows, wald

# replies, the right labels, what the score is, and what a score that gives another number has got wrong
GRADED = [
    (["billing", "other"], ["billing", "billing"], 0.5, "one of two is right"),
    ([" Billing.", "OTHER"], ["billing", "other"], 1.0, "capitals, spaces and a full stop are no mistake"),
    (["billing", None], ["billing", "billing"], 0.5, "a failed row counts as wrong and not as nothing"),
    (["billing", ""], ["billing", "billing"], 0.5, "an empty reply counts as wrong and not as nothing"),
    ([None, None], ["billing", "other"], 0.0, "where every row failed none is right"),
    (["incorrect", "correct"], ["correct", "incorrect"], 0.0, "'incorrect' is not 'correct'"),
    (["delivery, returns, billing, other", "other"], ["billing", "other"], 0.5, "a list of all labels names none"),
    (["it is not billing"], ["billing"], 0.0, "an answer is the label and nothing else"),
    (["correct", "bill"], ["incorrect", "billing"], 0.0, "part of a label is no label"),
]


@exercise("05.1", hints=[
    "Two faults. Which rows does the score divide by? And what does `in` find in 'incorrect'?",
    "Divide by `len(expected)`. A row without a reply is a wrong one.",
    "`(said or '').strip().strip('.').lower() == right`"])
def a_score_without_faults(score: Callable[[list, list], float]) -> str:
    """Mark a share of right replies: failed rows count, a label is all of a reply, capitals and dots do not matter."""
    must(callable(score), "give the function itself, without calling it.")
    for replies, expected, right, why in GRADED:
        said = score(list(replies), list(expected))
        must(isinstance(said, int | float | np.number), f"it returned {said!r}. Let it return a share from 0 to 1.")
        must(abs(float(said) - right) < 1e-9, f"{replies} where {expected} is right gets {float(said):.2f} and should "
                                              f"get {right:.2f}: {why}.")
    return f"{len(GRADED)} small sets scored as a careful person would."


# ---------------------------------------------------------------- Wilson

COUNTS = [(5, 12), (66, 300), (0, 20), (20, 20), (1, 1), (0, 1), (19, 20), (97, 120), (9_000, 10_000)]
CLOSE = 0.0005


@exercise("05.2", hints=[
    "With p the share, n the rows and z = 1.96: the middle is (p + z²/2n) / (1 + z²/n), not p.",
    "Half the width is z · √(p(1-p)/n + z²/4n²) / (1 + z²/n).",
    "Without any row nothing is known: `if total == 0: return 0.0, 1.0`."])
def an_interval_of_your_own(interval: Callable[[int, int], tuple[float, float]]) -> str:
    """Mark Wilson's interval written by hand, on counts among which are none right, all right, and no rows."""
    must(callable(interval), "give the function itself, without calling it.")
    must(not _borrows(interval, {"wilson", "proportion_confint", "proportion_ci", "binomtest"}),
         "it calls one that is there already. Write it from its formula: `hint(\"05.2\")` has it.")
    for right, total in COUNTS:
        low, high = _ends(interval(right, total), right, total)
        must(not _like((low, high), wald(right, total)) or _like(wilson(right, total), wald(right, total)),
             f"for {right} of {total} it says {low:.1%} to {high:.1%}: that is Wald's interval, sure of too much.")
        must(_like((low, high), wilson(right, total)),
             f"for {right} of {total} it says {low:.2%} to {high:.2%}; Wilson's is {_percent(wilson(right, total))}.")
    must(_like(_ends(interval(0, 0), 0, 0), (0.0, 1.0)), "of no rows nothing is known: from 0 to 1.")
    return f"{len(COUNTS) + 1} intervals agree with the course's own, at none right, all right and no rows, too."


def _borrows(function: Callable, names: set[str]) -> bool:
    """Say whether a function is one of those named, or names one of them in its code."""
    code = getattr(function, "__code__", None)
    return getattr(function, "__name__", "") in names or bool(code and names & set(code.co_names))


def _ends(said: object, *given: int) -> tuple[float, float]:
    pair = isinstance(said, Sequence | np.ndarray) and len(said) == 2
    asked = " of ".join(map(str, given)) or "the rows"
    must(pair, f"for {asked} it returned {said!r}. Let it return a pair: low, high.")
    return float(said[0]), float(said[1])


def _like(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) < CLOSE and abs(a[1] - b[1]) < CLOSE


def _percent(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2%} to {ends[1]:.2%}"


# ---------------------------------------------------------------- power

PLANS = [(0.05, 0.10, 312), (0.05, 0.30, 312), (0.05, 0.10, 100), (0.0, 0.20, 300), (0.15, 0.30, 200)]
NEAR = 0.05         # what the luck of a few thousand draws explains, and more
SURE = 0.05
FEWEST = min(disagreement for _, disagreement, _ in PLANS)


@exercise("05.3", hints=[
    "A test of `rows` tickets, drawn: each is won with probability (disagreement + gap) / 2, lost with "
    "(disagreement - gap) / 2, else the same.",
    "`np.random.default_rng(0).multinomial(rows, [won, lost, same], 2000)` draws two thousand such tests.",
    "Of each take `mcnemar(won, lost) < 0.05`, and return the share. `functools.cache` around `mcnemar` saves time."])
def the_power_of_a_test(power: Callable[[float, float, int], float]) -> str:
    """Mark a simulation of how often McNemar's test shows a true gap, by gap, disagreement and rows."""
    must(callable(power), "give the function itself, without calling it.")
    for gap, disagreement, rows in PLANS:
        said, true = power(gap, disagreement, rows), _power(gap, disagreement, rows)
        must(isinstance(said, int | float | np.number), f"it returned {said!r}. Let it return a share from 0 to 1.")
        if abs(float(said) - true) > NEAR:
            raise NotYet(_why_not_that(float(said), true, gap, disagreement, rows))
    return (f"{len(PLANS)} plans, each within {100 * NEAR:.0f} points. On 312 rows five points are seen {_seen(0.10)} "
            f"of the time when a tenth of the rows differ, and {_seen(0.30)} when three tenths do.")


def _seen(disagreement: float) -> str:
    return f"{_power(0.05, disagreement, 312):.0%}"


@cache
def _power(gap: float, disagreement: float, rows: int) -> float:
    """Return how often the exact McNemar test is below 0.05, summed over all counts of rows that differ."""
    differ = np.arange(rows + 1)
    few = binom.ppf(SURE / 2, differ, 0.5)                  # so few wins, or losses, are too uneven for a coin
    few -= 2 * binom.cdf(few, differ, 0.5) >= SURE
    wins = (disagreement + gap) / (2 * disagreement)
    shown = binom.cdf(few, differ, wins) + binom.sf(differ - few - 1, differ, wins)
    return float(binom.pmf(differ, rows, disagreement) @ shown)


def _why_not_that(said: float, true: float, gap: float, disagreement: float, rows: int) -> str:
    told = (f"a gap of {100 * gap:.0f} points, {disagreement:.0%} of the rows differ, {rows} rows: you say it is seen "
            f"{said:.0%} of the time, and it is {true:.0%}.")
    if gap == 0:
        return f"{told} Where nothing differs the test may cry out once in twenty times, hardly more."
    if gap < FEWEST < disagreement and abs(said - _power(gap, FEWEST, rows)) <= NEAR:
        return f"{told} The more rows differ by chance, the harder a gap is to see: use `disagreement`."
    if abs(said - _power(gap, disagreement, 312)) <= NEAR:
        return f"{told} Draw tests of `rows` rows."
    return told


# ---------------------------------------------------------------- rows that belong together

WORLDS, CUSTOMERS, MESSAGES, TRUE, ALIKE = 200, 40, 5, 0.7, 0.3
HOLDS = 0.88        # an interval for 95% between 40 groups holds it about 94 times in 100; for rows alone, 79
WIDEST = 1.5        # times the width of the course's own


@exercise("05.4", hints=[
    "What was drawn at random is a customer, with all the messages. Draw customers again, with all of theirs.",
    "`table = pd.Series(marks).groupby(groups).mean()` is a row each customer; draw 1,000 times as many customers as "
    "there are, with replacement: `rng.choice(table, (1000, len(table)))`.",
    "Take the mean of each draw, and of all means `np.quantile(means, [0.025, 0.975])`."])
def an_interval_between_customers(interval: Callable) -> str:
    """Mark an interval for rows in groups by drawing worlds: it holds the truth as it says, and is not idle."""
    must(callable(interval), "give the function itself, without calling it.")
    rng, groups = np.random.default_rng(5), np.repeat(np.arange(CUSTOMERS), MESSAGES)
    order = rng.permutation(len(groups))
    held, wide, needed = 0, 0.0, 0.0
    for _ in range(WORLDS):
        marks = _world(rng)
        low, high = _ends(interval(marks[order], groups[order]))
        own = clustered(marks, groups)
        held, wide, needed = held + (low <= TRUE <= high), wide + high - low, needed + own[1] - own[0]
    must(held >= HOLDS * WORLDS, f"in {WORLDS} drawn worlds it holds the true {TRUE:.0%} {held / WORLDS:.0%} of the "
                                 "time and says 95%. Messages of one customer are alike: draw customers, not rows.")
    must(wide <= WIDEST * needed, f"it holds the truth, being {wide / WORLDS:.0%} wide on the average; "
                                  f"{needed / WORLDS:.0%} are enough. An interval that is too wide says too little.")
    return f"in {WORLDS} drawn worlds it holds the true {TRUE:.0%} {held / WORLDS:.0%} of the time."


def _world(rng: np.random.Generator) -> np.ndarray:
    """Return the marks of all messages of some customers, each with a rate of one's own."""
    strength = 1 / ALIKE - 1
    own = rng.beta(TRUE * strength, (1 - TRUE) * strength, CUSTOMERS)
    return (rng.random((CUSTOMERS, MESSAGES)) < own[:, None]).astype(float).ravel()


# ---------------------------------------------------------------- design

VERDICTS = ("better", "worse", "no such difference", "cannot tell")
PARTS = ("gap", "pilot", "final", "verdict")
PILOT = 40          # rows from which a share of disagreement can be read


@exercise("05.5", hints=[
    "The pilot says how many rows the two disagree on: `share = len(compare(a, b).flips) / a.total`. Then "
    "`paired_rows(gap, share)` says how many rows the final needs.",
    "Too many? State a wider gap, or compare two methods that disagree less. Do not look at the final first.",
    "Read the final's interval against 0 and against the gap on both sides: 'better' if all of it is above 0, 'worse' "
    "if below, 'no such difference' if it holds 0 and neither gap nor minus the gap, else 'cannot tell'."])
def a_comparison_planned(plan: dict) -> str:
    """Mark a plan and its result: a gap stated, a pilot on other rows, enough rows, and the verdict of the interval."""
    must(isinstance(plan, dict) and set(plan) == set(PARTS), f"give a dict with {', '.join(PARTS)}.")
    gap, verdict = plan["gap"], plan["verdict"]
    must(isinstance(gap, float) and 0 < gap < 1, f"the gap is a share of all rows, like 0.10, and not {gap!r}.")
    for part in ["pilot", "final"]:
        pair = plan[part]
        must(isinstance(pair, Sequence) and len(pair) == 2 and all(isinstance(run, Run) for run in pair),
             f"the {part} is a pair of runs: the method that you had, and the one that you try.")
        must(_ids(pair[0]) == _ids(pair[1]), f"the two runs of the {part} answered different rows. Compare the same.")
    share = _marked_beforehand(gap, plan["pilot"], plan["final"])
    step = compare(*plan["final"])
    must(verdict in VERDICTS, f"{verdict!r} is no verdict. Choose one of {', '.join(VERDICTS)}.")
    low, high = (100 * end for end in step.interval)
    seen = _verdict(step.interval, gap)
    must(verdict == seen, f"you say {verdict!r}, and the difference lies between {low:+.1f} and {high:+.1f} points, "
                          f"with {100 * gap:g} stated beforehand: that is {seen!r}.")
    return (f"{100 * gap:g} points stated, {share:.0%} disagreement in the pilot, {paired_rows(gap, share)} rows "
            f"needed, {step.total} asked: {100 * step.difference:+.1f} points ({low:+.1f} to {high:+.1f}), {verdict}.")


def _marked_beforehand(gap: float, pilot: Sequence[Run], final: Sequence[Run]) -> float:
    """Mark what must be settled before the final is looked at; return the pilot's share of disagreement."""
    same = _ids(pilot[0]) & _ids(final[0])
    must(not same, f"{len(same)} rows of the final were in the pilot. What planned a comparison cannot decide it.")
    must(pilot[0].total >= PILOT, f"the pilot has {pilot[0].total} rows. How often two methods disagree cannot be read "
                                  f"from fewer than {PILOT}.")
    share = len(compare(*pilot).flips) / pilot[0].total
    must(share > 0, "the two methods never disagree in the pilot. There is nothing to compare.")
    must(gap <= share, f"in the pilot the two disagree on {share:.0%} of the rows, so that they cannot differ by "
                       f"{100 * gap:g} points. State a gap that could be.")
    needed = paired_rows(gap, share)
    must(final[0].total >= needed, f"to see {100 * gap:g} points where {share:.0%} of the rows differ takes {needed} "
                                   f"rows, and the final has {final[0].total}: whatever it shows decides nothing. "
                                   "State a wider gap, or take methods that differ less.")
    return share


def _ids(run: Run) -> set[str]:
    return set(run.rows.id)


def _verdict(interval: tuple[float, float], gap: float) -> str:
    low, high = interval
    if low > 0 or high < 0:
        return "better" if low > 0 else "worse"
    return "no such difference" if -gap < low and high < gap else "cannot tell"
