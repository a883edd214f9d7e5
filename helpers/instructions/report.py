"""Ask two models the same questions, and set the answers side by side.

    rows = ask_all({"smollm2-135m": path, "course-135m": path}, tasks, nearest, Path("rows.csv"))
    print(side_by_side(rows))

Does not: decide what is asked (see measures.py).
"""
from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from helpers.evaluation import Comparison
from helpers.instructions.collection import SmallTask
from helpers.instructions.measures import MEASURES, Nearest, Question
from helpers.intervals import wilson
from helpers.local.engine import ChatEngine, json_grammar
from helpers.progress import Progress

TOKENS, TOKENS_OF_FIELDS = 24, 96       # a raw model does not end its answers


def ask_all(models: dict[str, Path], tasks: list[SmallTask], nearest: Nearest, kept: Path) -> pd.DataFrame:
    """Ask every model every question of every measure, greedily.

    Returns rows of measure, id, model, valid, right, reply. They are written to `kept` after each measure; when the
    file is there already, what it holds is not asked again.
    """
    rows = pd.read_csv(kept, keep_default_na=False) if kept.exists() else pd.DataFrame(columns=["measure", "model"])
    for model, path in models.items():
        done = set(rows.measure[rows.model == model])
        missing = [measure for measure in MEASURES if measure not in done]
        engine = ChatEngine(path) if missing else None
        for measure in missing:
            rows = pd.concat([rows, asked(engine, model, measure, MEASURES[measure](tasks, nearest))])
            rows.to_csv(part := kept.with_suffix(".part"), index=False)
            os.replace(part, kept)
    return rows


def asked(engine: ChatEngine, model: str, measure: str, questions: list[Question]) -> pd.DataFrame:
    """Ask the questions of one measure, one after the other."""
    rows = []
    with Progress(f"{model}: {measure}", len(questions)) as bar:
        for question in questions:
            reply = answer(engine, question)
            rows.append({"measure": measure, "id": question.id, "model": model, "valid": question.valid(reply),
                         "right": question.right(reply), "reply": reply})
            bar.step()
    return pd.DataFrame(rows)


def answer(engine: ChatEngine, question: Question) -> str:
    """Return the model's answer to a question, under its schema if it has one."""
    limit = TOKENS_OF_FIELDS if question.as_json and len(question.expected) > 1 else TOKENS
    request = {"messages": question.messages, "temperature": 0, "max_tokens": limit}
    if question.schema:
        request["grammar"] = json_grammar(question.schema["json_schema"]["schema"])
    return engine.complete(request)["choices"][0]["message"]["content"]


def side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line a measure: right with Wilson intervals, the paired difference, valid replies.

    Before and after are the models in the order in which they stand in the rows.
    """
    before, after = rows.model.unique()
    lines = []
    for measure, group in rows.groupby("measure", sort=False):
        pair = group.pivot(index="id", columns="model", values=["right", "valid"])
        if pair.isna().any(axis=None):
            raise ValueError(f"{measure!r}: {before} and {after} were not asked the same questions. Ask both anew.")
        old, new = pair["right"][before].astype(bool), pair["right"][after].astype(bool)
        flips = pd.DataFrame({"change": ["won" if right else "lost" for right in new[old != new]]})
        compared = Comparison(before, after, len(pair), flips)
        low, high = compared.interval
        lines.append({"measure": measure, "n": len(pair), before: _rate(old), after: _rate(new),
                      "points": f"{100 * compared.difference:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})",
                      "valid": f"{pair['valid'][before].mean():.0%} → {pair['valid'][after].mean():.0%}"})
    return pd.DataFrame(lines).set_index("measure")


def markdown(table: pd.DataFrame) -> str:
    """Return a table as markdown. Example: -> "| measure | n |\n|---|---|\n| bare question | 204 |" """
    rows = [[table.index.name, *table.columns], *([index, *cells] for index, cells in zip(
        table.index, table.to_numpy(), strict=True))]
    head, *body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([head, "|" + (1 + table.shape[1]) * "---|", *body])


def _rate(right: pd.Series) -> str:
    """Example: _rate(pd.Series([True, False])) -> "50% (9-91)" """
    low, high = wilson(int(right.sum()), len(right))
    return f"{right.mean():.0%} ({100 * low:.0f}-{100 * high:.0f})"
