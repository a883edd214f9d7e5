"""What the exercises of notebook 07 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

import json
from pathlib import Path
from statistics import NormalDist
from tempfile import TemporaryDirectory

from helpers.exercises import your_own_data as own
from helpers.intervals import wilson
from helpers.ladder.advice import rows_to_tell
from helpers.ladder.page import FENCE
from tests.exercises.marking import praise, telling

# ---------------------------------------------------------------- a file in groups, and reports of it

FOLDER = TemporaryDirectory()
LINES = [(f"row{n}", f"text {n}", "yes" if n % 3 else "no", f"customer {n // 4}") for n in range(160)]


def written(name: str, text: str) -> Path:
    path = Path(FOLDER.name) / name
    path.write_text(text, encoding="utf-8")
    return path


SHEET = written("own.csv", "id,text,label,customer\n" + "\n".join(map(",".join, LINES)))
COLUMNS = ("reply", "valid", "right", "error", "prompt_tokens", "completion_tokens", "cost", "seconds")


def answered(name: str, asked: list[tuple], right: int) -> dict:
    """A step of a report with so many right answers, counted as they are."""
    rows = [{"id": line[0]} | dict(zip(COLUMNS, [line[2] if n < right else "perhaps", True, n < right, "", 0, 0, 0, 0],
                                       strict=True)) | {"fields": {}} for n, line in enumerate(asked)]
    return {"name": name, "rows": rows}


def report(name: str, asked: list[tuple], right: dict[str, int], target: float | None = 0.6, **task) -> Path:
    found = {"task": {"kind": "labels", "headline": "label", "labels": {"yes": [], "no": []},
                      "rows": {"test": len(asked)}} | task, "target": target, "curve": [],
             "questions": [dict(zip(("id", "input", "expected"), line, strict=False)) for line in asked],
             "steps": [answered(*step, many) for step, many in (((rung, asked), many) for rung, many in right.items())]}
    return written(f"{name}.html", FENCE[0] + json.dumps(found) + FENCE[1])


RIGHTS = {"most common": 20, "regression": 34, "prompt": 38}        # of 40: 50%, 85% and 95%
NEAR = {"common": 26, "regression": 34}                             # the first reaches 60% on these rows alone
GOOD = report("good", LINES[:40], RIGHTS)
FORGED = written("forged.html", GOOD.read_text().replace('"perhaps", "valid": true, "right": false',
                                                         '"perhaps", "valid": true, "right": true'))


def check_arguments(page: Path, rung: str = "regression") -> tuple:
    return SHEET, "customer", page, rung


# ---------------------------------------------------------------- functions that are wrong

def faults(rows, alike=own._plain, within=True, others=True):
    """Find faults; `within` looks for repeats in one split only, `others` names every contradictory row."""
    found, seen, labels = {kind: [] for kind in own.KINDS}, {}, {}
    held_out = {alike(row["text"]) for row in rows if row["split"] == "test"}
    for row in rows:
        labels.setdefault(alike(row["text"]), []).append(row["label"])
    for row in rows:
        text, key = alike(row["text"]), (alike(row["text"]), row["label"], row["split"] if within else "")
        if key in seen:
            found["repeated"].append(row["id"])
        if row["split"] == "train" and text in held_out:
            found["leaked"].append(row["id"])
        if len(set(labels[text])) > 1 and (others or row["label"] != labels[text][0]):
            found["contradictory"].append(row["id"])
        seen[key] = row
    return found


def searched(right, total, target, tells):
    return next((n for n in range(total, 3_000) if tells(*wilson(right / total * n, n), target)), None)


def by_formula(right, total, target):
    """The textbook's number of rows for an interval that ends at the target."""
    rate = right / total
    return None if rate == target else max(total, round(
        NormalDist().inv_cdf(0.975) ** 2 * rate * (1 - rate) / (rate - target) ** 2))


def first_of(reached):
    """Name the first rung for which something holds."""
    return lambda runs, target: next((one.name for one in runs if reached(one, target)), None)


def best_of(reached):
    return lambda runs, target: max([one for one in runs if reached(one, target)], key=lambda one: one.accuracy).name


WRONG = {
    "07.1": {
        "by the point estimate": ((first_of(lambda one, target: one.accuracy >= target),), "on others it may not"),
        "by the high end": ((first_of(lambda one, target: one.interval[1] >= target),), "and it has not"),
        "the best": ((best_of(lambda one, target: True),), "stands lower on the ladder"),
        "the best that is enough": ((best_of(lambda one, target: one.interval[0] >= target),),
                                    "stands lower on the ladder"),
        "called too early": (("regression",), "give the function itself"),
    },
    "07.2": {
        "letter by letter": ((lambda rows: faults(rows, alike=str),), "or the same in other letters"),
        "a leak is a repeat": ((lambda rows: faults(rows, within=False),), "of the same split"),
        "one side of a contradiction": ((lambda rows: faults(rows, others=False),), "every row whose text has another"),
        "rows and not their ids": ((lambda rows: rows,), "Let it return a dict of three lists"),
    },
    "07.3": {
        "only whether it is reached": ((lambda *case: searched(*case, lambda low, high, target: low >= target),),
                                       "and some number of rows would tell"),
        "only the share": ((lambda right, total, target: total if right / total >= target else None,),
                           "the target is still in it"),
        "many, to be sure": ((lambda *case: 5_000,), "would tell already"),
        "rows to add": ((lambda *case: (rows_to_tell(*case) or case[1]) - case[1] or None,), "is still in it"),
        "ten": ((lambda *case: 10,), "fewer than there are"),
        "by the textbook": ((by_formula,), "the target is still in it"),
        "a large number for never": ((lambda *case: rows_to_tell(*case) or 100_000,), "not even 100,000 rows"),
    },
    "07.4": {
        "divided by rows": (check_arguments(report("by rows", LINES[::4], RIGHTS)), "Divide by group"),
        "no target": (check_arguments(report("no target", LINES[:40], RIGHTS, target=None)), "Name one: --target"),
        "few rows": (check_arguments(report("few", LINES[:12], {"regression": 11})), "30 at least"),
        "the report of another file": (check_arguments(report("other", [(f"row{n}", f"note {n}", "yes", "")
                                                                        for n in range(40)], RIGHTS)),
                                       "Is it the report of this file?"),
        "marks made by hand": (check_arguments(FORGED), "made by the command, not by hand"),
        "by the point estimate": (check_arguments(report("near", LINES[:40], NEAR), "common"),
                                  "you decide for 'common', and the report says: Enough: 'regression'"),
        "no labels": (check_arguments(report("texts", LINES[:40], RIGHTS, kind="free texts")), "Take rows with labels"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_the_lowest_by_its_low_end_is_right():
    def enough(runs, target):
        return next((one.name for one in runs if wilson(one.right, one.total)[0] >= target), None)
    assert "the lowest that is enough" in praise("07.1", enough)


def test_faults_found_in_any_order_are_right():
    assert "every planted fault" in praise("07.2", faults)
    assert "every planted fault" in praise("07.2", lambda rows: {kind: set(ids) for kind, ids in faults(rows).items()})


def test_the_rows_that_the_ladder_names_are_right():
    assert "never tells" in praise("07.3", rows_to_tell)
    assert "never tells" in praise("07.3", lambda *case: searched(*case, lambda low, high, target: low >= target
                                                                 or high < target))


def test_a_climb_by_group_is_right():
    assert "40 test rows of 10 groups, none of them learned from" in praise("07.4", *check_arguments(GOOD))


def test_that_no_rung_is_enough_is_a_decision_too():
    page = report("none", LINES[:40], {"regression": 25})
    assert "Cannot tell" in praise("07.4", *check_arguments(page, own.NONE))
