"""The exercises of notebook 07: a rung that is enough, faults in rows, rows that would tell, a climb of one's own."""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from helpers.evaluation import Run
from helpers.exercises.exercise import exercise, must
from helpers.intervals import wilson
from helpers.ladder import findings, page, sheet
from helpers.ladder.advice import MOST, advice
from helpers.ladder.profile import LONGEST
from helpers.ladder.sheet import Columns, Line
from helpers.tasks import Example, LabelTask, bare_label

# ---------------------------------------------------------------- enough

CLIMBS = [      # right answers of each rung, of how many, and targets with the rung that is enough
    ({"baseline": 60, "prompt": 88, "few-shot": 97}, 100, {0.5: "baseline", 0.8: "prompt", 0.9: "few-shot", 1: None}),
    ({"baseline": 212, "prompt": 123, "tuned": 211}, 300, {0.65: "baseline", 0.70: None, 0.30: "baseline"}),
    ({"baseline": 3, "schema": 9, "examples": 8}, 12, {0.60: None, 0.45: "schema"}),
    ({"baseline": 4, "prompt": 20}, 20, {0.90: None, 0.80: "prompt"})]


@exercise("07.1", hints=[
    "9 of 12 are 75%, and may be half of all rows. What would you stake on 60%?",
    "`run.interval` is a pair: where the score lies with 95%, low end and high end.",
    "Only the low end says that the target is reached."])
def the_lowest_rung_that_is_enough(enough: Callable[[Sequence[Run], float], str | None]) -> str:
    """Mark a function that names the lowest rung whose interval lies above the target."""
    must(callable(enough), "give the function itself, without calling it.")
    for counts, total, targets in CLIMBS:
        runs = [_run(name, right, total) for name, right in counts.items()]
        for target, right in targets.items():
            said = enough(runs, target)
            must(said == right, f"target {target:.0%}, with {', '.join(map(_scored, runs))}: it says {said!r}, and "
                                f"{right!r} is meant. {_why_not(said, right, runs, target)}")
    return "the lowest that is enough, and none where none can be told to be."


def _run(name: str, right: int, total: int) -> Run:
    rows = pd.DataFrame({"id": range(total), "right": [i < right for i in range(total)], "valid": True, "error": ""})
    return Run(name, rows, pd.DataFrame(index=rows.id))


def _scored(run: Run) -> str:
    return f"{run.name} {run.right} of {run.total} ({run.span})"


def _why_not(said: object, right: str | None, runs: Sequence[Run], target: float) -> str:
    """Say what is wrong with the rung that was named."""
    named = next((run for run in runs if run.name == said), None)
    if named is None:
        return "Name a rung that is enough by its whole interval." if right else "No interval lies above the target."
    low, high = named.interval
    if low >= target:
        return f"{said!r} is enough, and {right!r} stands lower on the ladder."
    return (f"{said!r} reaches {target:.0%} on these rows, and its interval begins at {low:.0%}: on others it may not."
            if named.accuracy >= target else f"{said!r} may reach {target:.0%}, up to {high:.0%}, and it has not.")


# ---------------------------------------------------------------- faults in rows

KINDS = ("repeated", "leaked", "contradictory")
MEANS = {"repeated": "text and label of an earlier row of the same split",
         "leaked": "rows of train whose text stands in test as well", "contradictory": "every row whose text has "
         "another label elsewhere"}
FILES = [       # (text, label, split), row by row
    [("phone found", "found", "train"), ("Phone  found ", "found", "train"), ("piano room cold", "rooms", "test")],
    [("mitten found", "found", "train"), ("late atlas", "loans", "train"), ("MITTEN FOUND", "found", "test"),
     ("atlas late", "loans", "test")],
    [("group moved", "rooms", "train"), ("poet is ill", "events", "train"), ("group moved", "events", "train")],
    [("a ring", "found", "test"), ("a ring", "found", "test"), ("a ring", "found", "train"),
     ("a ring", "found", "train"), ("a Ring", "loans", "test"), ("wifi", "rooms", "train")],
    [("one", "a", "train"), ("two", "b", "train"), ("three", "a", "test")]]


@exercise("07.2", hints=[
    "Make the texts alike first: `' '.join(row['text'].lower().split())`.",
    "Repeated: keep a set of (text, label, split) already seen. Leaked: the set of all texts of test.",
    "Contradictory: collect the labels of each text, in any split; a text with two of them spoils all its rows.",
    "A row may have more than one fault. Look for each kind by itself."])
def faults_in_rows(faults: Callable[[list[dict]], dict[str, list[str]]]) -> str:
    """Mark a function that finds repeated, leaked and contradictory rows in files it was not written for."""
    must(callable(faults), "give the function itself, without calling it.")
    for number, lines in enumerate(FILES, 1):
        rows = [{"id": f"row{i}", "text": text, "label": label, "split": split}
                for i, (text, label, split) in enumerate(lines, 1)]
        said = faults([dict(row) for row in rows])
        must(isinstance(said, dict) and set(said) == set(KINDS),
             f"it returned {said!r}. Let it return a dict of three lists: {', '.join(KINDS)}.")
        for kind, right in _faults(rows).items():
            must(set(said[kind]) == right, f"file {number}, {kind}: it names {_named(said[kind])}, and "
                 f"{_named(right)} is meant ({MEANS[kind]}). {_overlooked(rows, right - set(said[kind]))}")
    return f"{len(FILES)} files, with every planted fault and none in the clean one."


def _faults(rows: list[dict]) -> dict[str, set[str]]:
    keys = {row["id"]: (_plain(row["text"]), row["label"], row["split"]) for row in rows}
    first = {key: name for name, key in reversed(keys.items())}
    labels, held_out = {}, {text for text, _, split in keys.values() if split == "test"}
    for text, label, _ in keys.values():
        labels.setdefault(text, set()).add(label)
    return {"repeated": {name for name, key in keys.items() if first[key] != name},
            "leaked": {name for name, (text, _, split) in keys.items() if split == "train" and text in held_out},
            "contradictory": {name for name, (text, *_) in keys.items() if len(labels[text]) > 1}}


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _named(ids: object) -> str:
    return ", ".join(sorted(ids, key=str)) or "no row"


def _overlooked(rows: list[dict], names: set[str]) -> str:
    """Say of an overlooked row that its text is written another way, if that is it."""
    lines = [row for row in rows if row["id"] in names]
    odd = next((row["text"] for row in lines if row["text"] != _plain(row["text"])), "")
    return f"Is {odd!r} another text, or the same in other letters?" if odd else ""


# ---------------------------------------------------------------- rows that would tell

COUNTS = [(45, 50, 0.85), (9, 12, 0.80), (9, 12, 0.50), (10, 10, 0.90), (0, 10, 0.20), (295, 300, 0.95),
          (60, 100, 0.75), (80, 100, 0.80)]
SLACK = 0.05        # of the number of rows: shares of rows are rounded in one way or another


@exercise("07.3", hints=[
    "`wilson(right / total * n, n)` is the interval if the share stays what it is and there are n rows.",
    "It tells when its low end has passed the target, or its high end lies below it. Both are answers.",
    "Start with the rows there are: perhaps they tell already. Then look for the first n that does, up to 100,000."])
def rows_that_would_tell(rows_needed: Callable[[int, int, float], int | None]) -> str:
    """Mark the number of test rows that put the whole interval on one side of a target."""
    must(callable(rows_needed), "give the function itself, without calling it.")
    for right, total, target in COUNTS:
        said, what = rows_needed(right, total, target), f"{right} right of {total}, target {target:.0%}"
        if not _tells(right, total, target, MOST):
            must(said is None, f"{what}: it says {said!r}. With that share not even {MOST:,} rows would tell: None.")
            continue
        must(isinstance(said, int | float) and math.isfinite(said), f"{what}: it returned {said!r}, and some number of "
                                                                    "rows would tell.")
        must(said >= total, f"{what}: it says {said:,}, which is fewer than there are.")
        must(_tells(right, total, target, math.ceil(said * (1 + SLACK))), f"{what}: with {said:,} rows the interval is "
             f"{_interval(right, total, said)}, and the target is still in it.")
        fewer = math.floor(said * (1 - SLACK)) - 1
        must(fewer < total or not _tells(right, total, target, fewer), f"{what}: it says {said:,}, and {fewer:,} would "
             f"tell already: {_interval(right, total, fewer)}. {_which_side(right, total, target)}")
    return f"{len(COUNTS)} scores, with one that tells already, some that will tell *no*, and one that never tells."


def _tells(right: int, total: int, target: float, n: int) -> bool:
    low, high = wilson(right / total * n, n)
    return low >= target or high < target


def _interval(right: int, total: int, n: float) -> str:
    return "{:.1%} to {:.1%}".format(*wilson(right / total * n, n))


def _which_side(right: int, total: int, target: float) -> str:
    return "That it is missed is an answer, too." if right / total < target else "Look for the fewest."


# ---------------------------------------------------------------- a climb of one's own

FEWEST = 30         # test rows, below which an interval says next to nothing
NONE = "none"       # what is said where no rung is enough
CUT = LONGEST[True]     # characters of a text that every report holds


@exercise("07.4", hints=[
    "What makes two rows of yours alike: a customer, a document, a day? That column is the group.",
    "`parser().parse_args([FILE, '--group', COLUMN, '--target', '0.60', '--rungs', 'baselines', '--report', PAGE])`, "
    "then `run(options)`, as above; or the same words in a terminal.",
    "Leave a `split` column out of the file: it would overrule the groups.",
    "The rung: the lowest whose interval lies above your target, as in 07.1; \"none\" if there is none."])
def a_climb_of_ones_own(rows: str | Path, group: str, report: str | Path, rung: str) -> str:
    """Mark a climb: no group on both sides, enough rows, every mark to be recomputed, and the rung that follows."""
    html = Path(report).read_text(encoding="utf-8")
    found, lines = page.embedded(html), sheet.read(Path(rows), Columns(group=group)).lines
    must(found["task"]["kind"] == "labels", f"the report is of {found['task']['kind']}. Take rows with labels here.")
    must(found["target"] is not None, "the report has no target, so that no rung can be enough. Name one: --target.")
    must(len(found["questions"]) >= FEWEST, f"{len(found['questions'])} test rows; {FEWEST} at least, or nothing can "
                                            "be told. About a quarter of your rows become test rows.")
    _of_these_rows(found, lines)
    groups = _kept_together(found, lines)
    _recomputed(found)
    given = advice(findings.runs(found), found["target"])
    must(rung == (given.run.name if given.run else NONE), f"you decide for {rung!r}, and the report says: {given.head}")
    return f"{len(found['questions'])} test rows of {groups} groups, none of them learned from. {given.head}"


def _of_these_rows(found: dict, lines: Sequence[Line]) -> None:
    """Say which test row of a report is not a row of the file."""
    known = {(line.input[:CUT], bare_label(str(line.expected))) for line in lines}
    asked = [one["input"] for one in found["questions"] if (one["input"][:CUT], one["expected"]) not in known]
    other = next(iter(asked), None)
    must(other is None, f"the report asks {str(other)[:60]!r}, and the file has no such row with that label. Is it the "
                        "report of this file?")


def _kept_together(found: dict, lines: Sequence[Line]) -> int:
    """Return how many groups were tested, once it is sure that none of them was learned from as well."""
    group_of = {line.id: line.group or line.id for line in lines}
    tested = {group_of[one["id"]] for one in found["questions"]}
    must(len(tested) > 1, "all test rows are of one group: name a finer one.")
    theirs, test = sum(group_of[line.id] in tested for line in lines), found["task"]["rows"]["test"]
    twins = len(lines) - len({(line.input, str(line.expected)) for line in lines})
    must(theirs - twins <= test, f"the groups that were tested have {theirs} rows, and {test} are in the test: others "
                                 "of the same groups were learned from. Divide by group: --group.")
    return len(tested)


def _recomputed(found: dict) -> None:
    """Say which mark of a report does not follow from its own reply."""
    task = LabelTask("report", {found["task"]["headline"]: dict.fromkeys(found["task"]["labels"], "")},
                     found["task"]["headline"])
    asked = {one["id"]: Example(one["id"], one["input"], one["expected"]) for one in found["questions"]}
    for step in findings.asked(found):
        for row in step["rows"]:
            marked, right = "right" if row["right"] else "wrong", asked[row["id"]].expected
            must(bool(row["right"]) == task.score(asked[row["id"]], row["reply"]).right,
                 f"{step['name']!r} said {row['reply']!r} of row {row['id']}, {right!r} was expected, and it counts as "
                 f"{marked}. A report is made by the command, not by hand.")
