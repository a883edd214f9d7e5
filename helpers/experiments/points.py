"""What one run of an experiment is, and what is kept of it.

    Point("learning_curve", {"n": 100, "seed": 0}, examples, [exam_of("test", task.test, messages)])

Kept in data/results/NAME.jsonl, a line each run: what was varied, how it was trained, the loss of every step, and
every answer afterwards. Does not: train (see runs.py), so that reading results needs no torch.
"""
from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from helpers.evaluation import Run
from helpers.local import weights
from helpers.local.jobs import METHOD, Hyperparameters
from helpers.local.trainer import RANK
from helpers.settings import ROOT
from helpers.tasks import Example, Score

RESULTS = ROOT / "data" / "results"


@dataclass(frozen=True)
class Asked:
    """One question for a trained model: the messages, and how a reply is marked, by a function that can be pickled."""

    id: str
    messages: list[dict]
    mark: Callable[[str], Score]


@dataclass(frozen=True)
class Exam:
    """Questions of one kind, and how many tokens an answer may have."""

    name: str
    questions: Sequence[Asked]
    limit: int = 24


@dataclass(frozen=True)
class Point:
    """One run: what was varied, what it is trained on and how, what it is asked afterwards.

    No training examples, no training: the model as it is.
    """

    experiment: str
    settings: dict[str, object]
    training: Sequence[dict]        # OpenAI's chat format
    exams: Sequence[Exam]
    hyperparameters: Hyperparameters = field(default_factory=Hyperparameters)
    rank: int = RANK
    seed: int = 0

    @property
    def recipe(self) -> Hyperparameters:
        """The hyperparameters as numbers."""
        return self.hyperparameters.resolved(len(self.training))

    @property
    def adapter_id(self) -> str:
        """Names what decides the adapter: base, data, recipe. Points that share it are trained once."""
        made_from = [weights.chat_model_fingerprint(), list(self.training), asdict(self.recipe), self.rank, self.seed,
                     METHOD]
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """Names what decides the answers: the adapter and what is asked."""
        asked = [[exam.name, exam.limit, [[one.id, one.messages] for one in exam.questions]] for exam in self.exams]
        return hashlib.sha256(json.dumps([self.adapter_id, asked]).encode()).hexdigest()[:12]

    def __str__(self) -> str:
        return f"{self.experiment}: " + ", ".join(f"{name} {value}" for name, value in self.settings.items())


def exam_of(name: str, examples: Iterable[Example], messages: Callable[[Example], list[dict]], limit: int = 24) -> Exam:
    """Return an exam of a task's examples, marked by the task's own score.

    Example: exam_of("test", task.test, lambda one: prompts.plain(task, one.input))
    """
    return Exam(name, [Asked(one.id, messages(one), partial(one.task.score, one)) for one in examples], limit)


# ---------------------------------------------------------------- what is kept

def path_of(experiment: str) -> Path:
    """Return where an experiment's runs are kept."""
    return RESULTS / f"{experiment}.jsonl"


def rows(experiment: str) -> list[dict]:
    """Return an experiment's runs as they are kept, in the order in which they were done."""
    path = path_of(experiment)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def results(experiment: str) -> pd.DataFrame:
    """Return a table of an experiment's runs: what was varied, examples, minutes, and of each exam right, valid and n.

    Raises LookupError when it was not run. Example: results("learning_curve")[["n", "seed", "test right", "test n"]]
    """
    found = rows(experiment)
    if not found:
        raise LookupError(f"There are no runs of {experiment!r} in {RESULTS.name}/. Do them with "
                          f"`python -m helpers.experiments {experiment}`.")
    return pd.DataFrame([_summary(row) for row in found])


def _summary(row: dict) -> dict:
    marks = {}
    for name, exam in row["exams"].items():
        marks |= {f"{name} right": sum(right for _, _, right, _ in exam["rows"]),
                  f"{name} valid": sum(valid for _, valid, _, _ in exam["rows"]), f"{name} n": len(exam["rows"])}
    return row["settings"] | {"examples": row["examples"], "minutes": row["seconds"] / 60, "date": row["date"]} | marks


def run_of(experiment: str, exam: str, **settings: object) -> Run:
    """Return one run's answers to an exam, for `compare`, `slices` and the like.

    `settings` are as many of what was varied as tell one run from the others. Raises LookupError when none or several
    fit. Example: run_of("learning_curve", "test", n=100, seed=0).accuracy
    """
    found = [row for row in rows(experiment) if settings.items() <= row["settings"].items() and exam in row["exams"]]
    if len(found) != 1:
        raise LookupError(f"{len(found)} runs of {experiment!r} have {settings} and an exam {exam!r}; name more or "
                          "other settings. results() shows all.")
    kept = found[0]["exams"][exam]
    name = ", ".join(f"{key} {value}" for key, value in found[0]["settings"].items())
    each = {column: kept[column] / len(kept["rows"]) for column in ("prompt_tokens", "completion_tokens", "seconds")}
    frame = pd.DataFrame([{"id": one, "expected": None, "reply": reply, "valid": valid, "right": right, "error": "",
                           "cost": 0.0} | each for one, valid, right, reply in kept["rows"]])
    return Run(name, frame, pd.DataFrame(index=frame.id))
