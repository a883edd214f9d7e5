"""How the score on tasks never seen grows with the number of tasks trained on.

    points(RESULTS / "instruct_curve.csv", places)      trains three small adapters, about 40 minutes on two cores
    beside(RESULTS / "instruct_curve_beside.csv")       asks the raw model and the course's own the same questions
    draw(rows, path, others)

Each adapter sees as many prompts as the others, of the plain lesson, on the first 8, 32 or 128 of the clear tasks in a
fixed random order; what differs is how many tasks they come from. Measured on the development tasks.
"""
from __future__ import annotations

import os
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import pandas as pd

from helpers.executor import Places, each
from helpers.figures import VERMILLION, finish, use_style
from helpers.instructions.collection import SmallTask, load
from helpers.instructions.measures import MEASURES
from helpers.instructions.rendering import PLAIN, render
from helpers.instructions.report import asked
from helpers.intervals import wilson
from helpers.local import weights
from helpers.local.engine import ChatEngine
from helpers.local.gguf_files import merge_adapter
from helpers.local.training import Recipe, train
from helpers.settings import cache_folder

COUNTS = (8, 32, 128)
PROMPTS = 400       # about 0.2 million tokens; with 150 prompts 8 and 32 tasks score alike, near the raw model
RECIPE = Recipe(rank=32, alpha=64, learning_rate=1e-3, batch_tokens=2_048, longest=1_024, seed=0)
MEASURE = "described labels, schema"


def points(kept: Path, places: Places) -> pd.DataFrame:
    """Return rows of tasks, right, n, one a point, and write them to `kept`. Goes on where it was cut off."""
    rows = pd.read_csv(kept).to_dict("records") if kept.exists() else []
    missing = [count for count in COUNTS if count not in {row["tasks"] for row in rows}]
    for _, row in each(point, missing, places):
        rows = sorted([*rows, row], key=lambda one: one["tasks"])
        pd.DataFrame(rows).to_csv(part := kept.with_suffix(".part"), index=False)
        os.replace(part, kept)
    return pd.DataFrame(rows)


def point(count: int) -> dict[str, int]:
    """Train on so many tasks, in the cache folder, and return the point. Example: point(8) -> {"tasks": 8, ...}"""
    right = _right_after(_clear_tasks()[:count], cache_folder() / "instruct" / "curve" / str(count))
    return {"tasks": count, "right": sum(right), "n": len(right)}


def _clear_tasks() -> list[SmallTask]:
    tasks = [task for task in load("train") + load("more")
             if task.clear and task.labelled and task.kind != "reason" and not task.opaque]
    return Random(0).sample(tasks, len(tasks))


def _right_after(tasks: list[SmallTask], folder: Path) -> list[bool]:
    """Train on the tasks, and return which development questions are answered rightly."""
    random, raw = Random(0), weights.ensure(weights.SMOLLM2)
    lesson = [render(task, random, PLAIN) for task in random.choices(tasks, k=PROMPTS)]
    run = train(raw, [lesson], RECIPE, folder)
    merge_adapter(raw, folder / "trained.gguf", run.adapter)
    questions = MEASURES[MEASURE](load("development"), None)
    return asked(ChatEngine(folder / "trained.gguf"), f"{len(tasks)} tasks", MEASURE, questions).right.tolist()


def beside(kept: Path) -> dict[str, tuple[int, int]]:
    """Return how many of the same questions the raw model and the course's own answer rightly, and write it to `kept`.

    Example: beside(RESULTS / "instruct_curve_beside.csv")["smollm2-135m"] -> (20, 90)
    """
    questions = MEASURES[MEASURE](load("development"), None)
    found = {name: asked(ChatEngine(weights.ensure(model)), name, MEASURE, questions).right
             for name, model in weights.CHAT_MODELS.items()}
    counts = {name: (int(right.sum()), len(right)) for name, right in found.items()}
    pd.DataFrame.from_dict(counts, orient="index", columns=["right", "n"]).rename_axis("model").to_csv(kept)
    return counts


def draw(rows: pd.DataFrame, path: Path, others: dict[str, tuple[int, int]]) -> None:
    """Draw the points with their 95% intervals into a file, and a line for each of the other models.

    `others` are right and total by name. Example: draw(rows, Path("curve.png"), {"smollm2-135m": (20, 90)})
    """
    use_style()
    _, ax = plt.subplots()
    low, high = zip(*(wilson(int(row.right), int(row.n)) for row in rows.itertuples()), strict=True)
    shares = 100 * rows.right / rows.n
    ax.fill_between(rows.tasks, [100 * end for end in low], [100 * end for end in high], color=VERMILLION, alpha=0.15)
    ax.plot(rows.tasks, shares, "D-", color=VERMILLION)
    for name, (right, total) in others.items():
        place = rows.tasks.min(), 100 * right / total
        ax.axhline(place[1], color="black", linewidth=1, linestyle=":")
        ax.annotate(name, place, xytext=(0, 4), textcoords="offset points", fontsize=9.5)
    ax.set_xscale("log", base=2)
    ax.set_xticks(rows.tasks, rows.tasks)
    ax.set_ylim(0, 100)
    finish(ax, title=f"{PROMPTS} prompts from {COUNTS[0]} tasks bring what {PROMPTS} from {COUNTS[-1]} bring",
           xlabel=f"tasks trained on ({PROMPTS} prompts each time)", ylabel=f"right of {int(rows.n.iloc[0])}, %")
    plt.savefig(path)
    plt.close()
