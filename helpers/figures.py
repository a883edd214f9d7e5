"""One look for every figure in the course.

Grey is an answer without a language model, blue the unmodified model, vermillion the method of the notebook at hand;
each also has a marker of its own, so that no meaning hangs on colour alone.
Does not: compute anything.
"""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from helpers.evaluation import Run, confusions
from helpers.tasks import LabelTask

GREY, BLUE, VERMILLION = "#6e6e6e", "#0072B2", "#D55E00"
KINDS = {"baseline": (GREY, "s"), "model": (BLUE, "o"), "method": (VERMILLION, "D")}
STYLE = Path(__file__).with_name("course.mplstyle")

LADDER = (("Prompt", "say it better"), ("Examples", "show it"),
          ("Retrieval", "look it up"), ("Fine-tuning", "train it"))


def use_style() -> None:
    """Give every figure from here on the look of the course."""
    plt.style.use(STYLE)


def finish(ax: Axes, *, title: str, xlabel: str = "", ylabel: str = "") -> Axes:
    """Put the finding in the title and the units on the axes."""
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def scores(runs: Sequence[Run], kinds: Sequence[str], *, title: str) -> None:
    """Draw each run's accuracy as a dot on its 95% interval, named at the left.

    `kinds` says of each run whether it is a "baseline", the "model", or the "method" of the notebook.
    """
    use_style()
    _, ax = plt.subplots(figsize=(6.5, 0.9 + 0.42 * len(runs)))
    for height, (run, kind) in enumerate(zip(reversed(runs), reversed(kinds), strict=True)):
        colour, marker = KINDS[kind]
        low, high = (100 * end for end in run.interval)
        ax.plot([low, high], [height, height], color=colour, linewidth=2)
        ax.plot(100 * run.accuracy, height, marker, color=colour)
        ax.annotate(f"{100 * run.accuracy:.0f}%", (high, height), xytext=(6, 0), textcoords="offset points",
                    va="center", color=colour)
    ax.set_yticks(range(len(runs)), [run.name for run in reversed(runs)])
    ax.set_xlim(0, 105)
    ax.set_ylim(-0.6, len(runs) - 0.4)
    finish(ax, title=title, xlabel=f"right of {runs[0].total}, % (line: 95% interval)")


def confusion(run: Run, task: LabelTask, *, title: str) -> None:
    """Draw what was answered (columns) for each right label (rows), as counts; the diagonal is what was named rightly.

    A last column holds replies that name no label, if there are any.
    """
    counts = confusions(run, task)
    use_style()
    _, ax = plt.subplots(figsize=(6.5, 0.9 + 0.42 * len(counts)))
    most = 1.3 * counts.to_numpy().max()
    ax.imshow(counts, cmap="Blues", aspect="auto", vmax=most)
    for (row, column), count in np.ndenumerate(counts.to_numpy()):
        colour = "white" if count > most / 2 else VERMILLION if count and row != column else "black"
        ax.text(column, row, count or "·", ha="center", va="center", color=colour,
                weight="bold" if row == column else "normal")
    ax.set_xticks(range(counts.shape[1]), counts.columns)
    ax.set_yticks(range(counts.shape[0]), counts.index)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    finish(ax, title=title, xlabel="what was answered", ylabel="what is right")


def ladder() -> None:
    """Draw the ladder of the course: four rungs, from the cheapest to change to the dearest."""
    use_style()
    _, ax = plt.subplots(figsize=(6.5, 2.6))
    for step, (name, motto) in enumerate(LADDER):
        left, bottom = 0.2 + 1.55 * step, 0.15 + 0.55 * step
        ax.add_patch(FancyBboxPatch((left, bottom), 1.35, 0.6, boxstyle="round,pad=0.04", facecolor="#eaf2f8",
                                    edgecolor=BLUE))
        ax.text(left + 0.675, bottom + 0.4, name, ha="center", va="center", weight="bold")
        ax.text(left + 0.675, bottom + 0.15, motto, ha="center", va="center", fontsize=9.5)
    ax.annotate("dearer to make, slower to change", (6.35, 0.12), xytext=(2.1, 0.12), va="center", fontsize=9.5,
                arrowprops={"arrowstyle": "->", "color": GREY}, color=GREY)
    ax.text(0.16, 2.35, "measure, then climb only if you must", fontsize=9.5, color=GREY)
    ax.set(xlim=(0, 6.4), ylim=(0, 2.6))
    ax.set_axis_off()
