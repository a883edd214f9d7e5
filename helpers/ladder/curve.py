"""The learning curve of the baselines: right answers on validation rows, by how many rows were learned from.

    measured(task) -> [{"method": "TF-IDF + regression", "n": 45, "right": [1, 0, ...]}, ...]

Does not: touch the test rows, or train a language model: one training for each point would take hours.
"""
from __future__ import annotations

from helpers import baselines
from helpers.evaluation import evaluate
from helpers.ladder.plan import FEWEST_CHOOSING
from helpers.ladder.splits import CURVE_ROWS, sample
from helpers.tasks import Example, LabelTask, Task

METHODS = {"TF-IDF + regression": baselines.tfidf, "embeddings + regression": baselines.embedding_regression,
           "5 nearest neighbours": baselines.nearest}       # the names are those of first.BASELINES
PARTS = (8, 4, 2, 1)        # an eighth, a quarter, a half, all
FEWEST = 10                 # rows to learn from


def sizes(train: list[Example]) -> list[int]:
    """Return how many rows to learn from: halves of halves, none too small. Example: of 360 -> [45, 90, 180, 360]"""
    found = [len(train) // part for part in PARTS]
    return [n for n in found if n >= FEWEST and len({str(one.expected) for one in train[:n]}) > 1]


def measured(task: Task) -> list[dict]:
    """Return a point for each method and number of rows; none for other answers than labels, or too few rows."""
    rows = sample(task.validation, CURVE_ROWS)
    if not isinstance(task, LabelTask) or len(rows) < FEWEST_CHOOSING:
        return []
    points = []
    for n in sizes(task.train):
        for method, build in METHODS.items():
            run = evaluate(build(task.train[:n]), rows, name=f"{method}, {n} rows")
            points.append({"method": method, "n": n, "right": [int(right) for right in run.rows.right]})
    return points
