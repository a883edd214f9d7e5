"""Train the course's own model, and measure it.

    python -m helpers.instructions train [--minutes 75]        what `make instruct` runs: goes on where it stopped
    python -m helpers.instructions measure                     raw and trained, on the development tasks
    python -m helpers.instructions curve                       how much more tasks bring, on the development tasks
    python -m helpers.instructions open                        raw and frozen, on the unseen tasks, once

On two cores training takes about three hours, in parts if you like; on a GPU a few minutes.
"""
from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from helpers import cluster
from helpers.executor import AGAIN, ExecutorError
from helpers.instructions import curve
from helpers.instructions.collection import load
from helpers.instructions.likeness import Likeness
from helpers.instructions.rendering import COPIED, MIXED, MIXED_AGAIN, NAMED, NAMED_AGAIN, PLAIN, Lesson, render
from helpers.instructions.report import ask_all, markdown, side_by_side
from helpers.local import weights
from helpers.local.gguf_files import merge_adapter
from helpers.local.training import Conversation, Losses, Recipe, Trained, train
from helpers.settings import ROOT, cache_folder

RESULTS = ROOT / "data" / "results"
UNSEEN = RESULTS / "instruct_unseen.csv"
CARD = ROOT / "data" / "models" / "course-135m" / "card.md"
TABLE = re.compile(r"(<!-- unseen -->\n).*?(\n<!-- end of unseen -->)", re.S)


@dataclass(frozen=True)
class Stretch:
    """A part of the training: on which tasks, how many prompts of which lesson one after the other, and how."""

    splits: tuple[str, ...]
    prompts: tuple[tuple[Lesson, int], ...]
    share: dict[str, float]     # how often a kind of task is drawn; the others 1
    recipe: Recipe


# First clear tasks with plain label lists, then every task under its own names, then everything. Begun with everything,
# the model answers with one label a task, whatever the text, for as long as it was watched (0.6 million tokens).
STRETCHES = (
    Stretch(("train",), ((PLAIN, 1_100), (NAMED, 1_400), (MIXED, 1_300)),
            {"passage": 2.2, "fields": 2.2, "extract": 2.0, "rewrite": 0.7, "format": 0.7},
            Recipe(rank=32, alpha=64, learning_rate=1e-3, batch_tokens=2_048, longest=1_024, seed=0)),
    Stretch(("train", "more"), ((NAMED_AGAIN, 1_450), (MIXED_AGAIN, 1_500)),
            {"passage": 5.0, "fields": 4.0, "extract": 3.0, "rewrite": 0.7, "format": 0.7},
            Recipe(rank=32, alpha=64, learning_rate=8e-4, batch_tokens=2_048, longest=1_024, seed=1)),
    Stretch(("train", "more", "pages"), ((COPIED, 1_700),),
            {"passage": 4.0, "fields": 3.5, "extract": 2.0, "rewrite": 0.7, "format": 0.7},
            Recipe(rank=32, alpha=64, learning_rate=6e-4, batch_tokens=2_048, longest=1_024, seed=2)),
)


def lessons(stretch: Stretch) -> list[list[list[Conversation]]]:
    """Return the prompts of each lesson of a stretch, every time the same ones."""
    tasks = [task for split in stretch.splits for task in load(split) if task.kind != "choose"]
    clear = [task for task in tasks if task.clear and task.kind in ("label", "yes_no", "tone") and not task.opaque]
    often = [stretch.share.get(task.kind, 1.0) for task in tasks]
    random, nearest = Random(stretch.recipe.seed), Likeness().nearest
    prompts = []
    for lesson, count in stretch.prompts:
        drawn = random.choices(clear, k=count) if lesson is PLAIN else random.choices(tasks, often, k=count)
        prompts.append([render(task, random, lesson, None if lesson is PLAIN else nearest) for task in drawn])
    return prompts


def instruct(minutes: float) -> None:
    """Train for so many minutes at most; when all is read, put the record of the runs into data/results/."""
    deadline, runs, begin = time.monotonic() + 60 * minutes, [], None
    for number, stretch in enumerate(STRETCHES, 1):
        print(f"stretch {number} of {len(STRETCHES)}", flush=True)
        run = train(weights.ensure(weights.SMOLLM2), lessons(stretch), stretch.recipe, _folder() / str(number), _say,
                    deadline - time.monotonic(), begin)
        if run is None:
            sys.exit(f"Stopped after {minutes:g} minutes; the same command goes on from there.")
        runs.append(run)
        begin = run.adapter
    _record(runs)
    print(f"{begin}: SHA-256 {weights.sha256_of(begin)}")


def _record(runs: list[Trained]) -> None:
    record = {"date": datetime.date.today().isoformat(), "stretches": [
        {"splits": stretch.splits, "prompts": [count for _, count in stretch.prompts], "share": stretch.share,
         "recipe": asdict(stretch.recipe),
         "tokens": run.tokens, "seconds": round(run.seconds), "device": run.device, "losses": run.losses}
        for stretch, run in zip(STRETCHES, runs, strict=True)]}
    (RESULTS / "instruct.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def measure() -> None:
    """Ask the raw model and the one just trained everything on the development tasks, and print the table.

    The unseen tasks are not offered here: they are opened once, when the adapter is frozen.
    """
    adapter = _folder() / str(len(STRETCHES)) / "adapter.safetensors"
    if not adapter.exists():
        sys.exit(f"There is no finished adapter in {_folder()}. Train one with `python course.py instruct`.")
    raw, trained = weights.ensure(weights.SMOLLM2), _folder() / "trained.gguf"
    merge_adapter(raw, trained, adapter)
    rows = _folder() / f"development-{weights.sha256_of(adapter)[:8]}.csv"
    models = {weights.SMOLLM2.name: raw, "trained": trained}
    print(side_by_side(ask_all(models, load("development"), Likeness().nearest, rows)).to_string())


def draw_curve(options: argparse.Namespace) -> None:
    """Train on more and more tasks, and draw the score on the development tasks beside the model card."""
    with cluster.places(options) as places:
        rows = curve.points(RESULTS / "instruct_curve.csv", places)
    curve.draw(rows, CARD.with_name("curve.png"), curve.beside(RESULTS / "instruct_curve_beside.csv"))
    print(rows.to_string(index=False))


def open_unseen() -> None:
    """Ask the raw model and the course's own, frozen, everything on the unseen tasks; write rows and model card."""
    course = weights.CHAT_MODELS.get("course-135m")
    if course is None:
        sys.exit("No adapter is frozen yet: the unseen tasks stay closed. Choose one with `measure` first.")
    models = {model.name: weights.ensure(model) for model in (weights.SMOLLM2, course)}
    kept = _folder() / f"unseen-{course.version}.csv"       # another adapter's rows are others
    rows = ask_all(models, load("unseen"), Likeness().nearest, kept)
    rows.to_csv(UNSEEN, index=False)
    table = markdown(side_by_side(rows))
    CARD.write_text(TABLE.sub(lambda match: match[1] + table + match[2], CARD.read_text(encoding="utf-8")),
                    encoding="utf-8")
    print(table)


def _folder() -> Path:
    """Where checkpoints and adapters lie until one is chosen."""
    return cache_folder() / "instruct"


def _say(step: int, steps: int, so_far: Losses) -> None:
    if step % 10 == 0 or step == steps:
        recent = so_far.losses[-20:]
        loss, speed = sum(recent) / len(recent), so_far.tokens / so_far.seconds
        left = (steps - step) * so_far.seconds / step / 60
        print(f"step {step} of {steps}: loss {loss:.3f}, {speed:.0f} tokens/s, {left:.0f} minutes left", flush=True)


def main() -> None:
    """Carry out one command."""
    parser = argparse.ArgumentParser(prog="python -m helpers.instructions", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("train").add_argument("--minutes", type=float, default=75)
    commands.add_parser("measure")
    cluster.add_options(commands.add_parser("curve"))
    commands.add_parser("open")
    asked_for = parser.parse_args()
    for folder in (RESULTS, CARD.parent, _folder()):    # before hours of work, not after them
        folder.mkdir(parents=True, exist_ok=True)
    if asked_for.command == "train":
        instruct(asked_for.minutes)
    elif asked_for.command == "curve":
        try:
            draw_curve(asked_for)
        except ExecutorError as error:
            sys.exit(str(error))
        except KeyboardInterrupt:
            sys.exit(f"\nStopped. {AGAIN}")
    else:
        {"measure": measure, "open": open_unseen}[asked_for.command]()


if __name__ == "__main__":
    main()
