"""The command: python -m helpers.ladder DATA [--target 0.90] [--documents FOLDER] [--rungs ...] [--report out.html]"""
from __future__ import annotations

import argparse
import datetime
import os
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path

import openai

from helpers import provider
from helpers.evaluation import table
from helpers.ladder import curve, findings, kinds, page, profile, rungs, sheet, splits, wording
from helpers.ladder import plan as planning
from helpers.ladder.advice import advice, rising
from helpers.ladder.ascent import Climb, sizes
from helpers.ladder.rungs import FINE_TUNE, NAMES, Footing, chosen
from helpers.local.weights import WeightsError
from helpers.retrieval import RetrievalError
from helpers.rows import SHARES
from helpers.settings import SettingError
from helpers.tasks import Task, TaskError, load_task

DEFAULT = [name for name in NAMES if name != FINE_TUNE]
MINUTES = 15
STOPPED = "\nStopped. The replies so far are kept: the same command goes on from here."


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    command = argparse.ArgumentParser(prog="python -m helpers.ladder",
                                      description="Climb the ladder on your own labelled rows: which rung is enough?")
    add = command.add_argument
    add("data", help="a .csv, .tsv or .jsonl file, or a task of the course")
    add("--target", type=float, help="the share of right answers you need, 0 to 1, as in 0.90")
    add("--input", default="", help="the column of texts (default: input, text, message, question, ...)")
    add("--expected", default="", help="the column of right answers (default: expected, label, category, ...)")
    add("--group", default="", help="a column that names what belongs together, as a customer: never on both sides")
    add("--documents", type=Path, help="a folder of pages to answer from")
    add("--rules", type=Path, help="a JSON file that says how free texts are scored (see helpers/ladder/rules.py)")
    add("--labels", type=Path, help='a JSON file that describes labels: {"billing": "money and prices"}')
    add("--instruction", default="", help="your own words, put in front of every prompt")
    add("--rungs", help=f"these and no others, of {','.join(NAMES)} (default: all but {FINE_TUNE}, which a missed "
                        "target starts where it is free)")
    add("--rows", type=int, default=splits.TEST_ROWS, help="test rows to ask, at most (default %(default)s)")
    add("--minutes", type=float, default=MINUTES, help="about how long it may take (default %(default)s)")
    add("--budget", type=float, help="dollars this run may spend (default: what is left of COURSE_BUDGET)")
    add("--report", type=Path, help="where the page goes (default: NAME-ladder.html in this folder)")
    return command


def main() -> None:
    """Read the command line, climb, print the table and what follows, write the page."""
    command = parser()
    options = command.parse_args()
    if options.target is not None and not 0 < options.target <= 1:
        command.error(f"--target {options.target:g} is not between 0 and 1: write 90% as 0.90")
    if options.rows < 1 or options.minutes <= 0 or (options.budget or 0) < 0:
        command.error("--rows and --minutes are numbers above 0, and --budget is no less than 0")
    try:
        run(options)
    except (TaskError, SettingError, WeightsError, RetrievalError, openai.OpenAIError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(STOPPED)


def run(options: argparse.Namespace) -> dict:
    """Do what the options say and return the findings. Raises TaskError."""
    started, names = time.monotonic(), chosen(options.rungs.split(",") if options.rungs else DEFAULT)
    target = provider.chosen()
    task, facts = loaded(options, target)
    said(facts, target)
    allow(options.budget)
    footing = Footing(task, wording.forms(task, options.instruction)["prompt"][-1], options.documents,
                      options.instruction)
    if options.documents:
        say(f"{len(footing.index)} passages of {rungs.WORDS} words from {options.documents.name}/.")
    plan = planned(footing, names, options, target)
    kept = len(provider.shelves().store)
    climb = Climb(footing, plan, names, say, options.target, tune_at_will=target.embedded and not options.rungs)
    steps, points = climb.up(), curve.measured(task) if "baselines" in names else []
    found = {"made": making(target, time.monotonic() - started, len(provider.shelves().store) - kept), "task": facts,
             "plan": as_json(plan), "target": options.target, "questions": findings.questions(climb.test),
             "steps": [step.as_json() for step in steps], "curve": points}
    concluded(found, options.report or Path(f"{task.name}-ladder.html"))
    return found


def say(line: str) -> None:
    """Print a line of progress at once, also into a pipe."""
    print(line, flush=True)


# ---------------------------------------------------------------- before

def loaded(options: argparse.Namespace, target: provider.Target) -> tuple[Task, dict]:
    """Return the task, its splits apart and no larger than need be, and the facts about it. Raises TaskError."""
    left_out, path = 0, Path(options.data)
    if path.suffix or path.exists():
        read = sheet.read(path, sheet.Columns(options.input, options.expected, options.group))
        meanings = kinds.meanings_in(options.labels) if options.labels else None
        task, examples = kinds.task_of(read, documents=options.documents is not None, rule_file=options.rules,
                                       meanings=meanings)
        splits.deal(task, examples, by_group=bool(options.group))
        left_out = read.left_out + len(read.lines) - len(examples)
    else:
        task = load_task(options.data)
        examples = [one for split in SHARES for one in getattr(task, split)]
    checked = profile.checks(task, examples)
    notes = [*splits.part(task).notes(), *sampled(task), profile.shortened(task, target.embedded)]
    return task, profile.profile(task, checked, list(filter(None, notes)), left_out)


def sampled(task: Task) -> list[str]:
    """Cut the training rows to as many as are learned from, and say so."""
    whole = len(task.train)
    task.train = splits.sample(task.train, splits.TRAIN_ROWS)
    return [f"{whole:,} training rows: {len(task.train):,} of them, drawn at random, are learned from."] * (
        whole > len(task.train))


def said(facts: dict, target: provider.Target) -> None:
    """Print what the data look like and who answers."""
    counts = ", ".join(f"{count:,} {split}" for split, count in facts["rows"].items())
    labels = f", {len(facts['labels'])} labels" if facts["labels"] else ""
    say(f"{facts['name']}: {facts['kind']}{labels}; rows: {counts}.")
    for note in [*facts["notes"], *facts["checks"][:8]]:
        say(f"  {note}")
    if len(facts["checks"]) > 8:
        say(f"  ... and {len(facts['checks']) - 8} more in the report")
    leaves = "" if target.on_this_machine else f" The texts are sent to {target.host}."
    say(f"Answering: {provider.answering()}.{leaves}")


def allow(dollars: float | None) -> None:
    """Set the limit of this run's spending, on top of what was spent before."""
    if dollars is not None:
        os.environ["COURSE_BUDGET"] = f"{provider.budget().spent + dollars:.6f}"


def planned(footing: Footing, names: list[str], options: argparse.Namespace,
            target: provider.Target) -> planning.Plan:
    """Return the plan, and say it."""
    free = target.price(target.model).free
    money = float("inf") if free else provider.budget().limit - provider.budget().spent
    plan = planning.fitting(footing.task, sizes(footing, names), target, minutes=options.minutes, most=options.rows,
                            money=money)
    say(str(plan))
    for name, why in plan.dropped.items():
        say(f"  not tried: {name}, {why}")
    say("")
    return plan


# ---------------------------------------------------------------- after

def making(target: provider.Target, took: float, fresh: int) -> dict:
    """Return how, when and by whom the findings were made."""
    command = shlex.join(["python", "-m", "helpers.ladder", *sys.argv[1:]])
    return {"date": datetime.date.today().isoformat(), "model": provider.answering(), "host": target.host,
            "hosted": not target.on_this_machine, "command": command, "took": round(took, 1), "fresh": fresh}


def as_json(plan: planning.Plan) -> dict:
    """Return a plan as it goes into the findings."""
    return {"test": plan.test, "validation": plan.validation, "minutes": plan.minutes, "dropped": plan.dropped,
            "seconds": round(plan.seconds, 1), "dollars": round(plan.dollars, 4),
            "items": [asdict(item) for item in plan.items]}


def concluded(found: dict, path: Path) -> None:
    """Print the table and what follows from it, and write the page."""
    runs = findings.runs(found)
    if runs:
        given = advice(runs, found["target"], rising(found["curve"]))
        say(f"\n{table(runs).to_string()}\n\n{given.head}\n{given.sure}\nWhat would change it:")
        for line in given.change:
            say(f"  - {line}")
    say(f"\nThe report: {page.write(found, path)}. It holds your rows: share it as you would share them.")


if __name__ == "__main__":
    main()
