"""Ask a raw and a tuned model the same questions, and set the answers side by side.

    rows = asked(engine, "tuned", tasks, nearest)
    print(side_by_side(pd.concat([raw_rows, rows])))

Does not: decide what is asked (see measures.py).
"""
from __future__ import annotations

import pandas as pd

from helpers.evaluation import Comparison
from helpers.instructions.collection import SmallTask
from helpers.instructions.measures import MEASURES, Nearest, Question
from helpers.intervals import wilson
from helpers.local.engine import ChatEngine, json_grammar
from helpers.progress import Progress

TOKENS, TOKENS_OF_JSON = 24, 96


def asked(engine: ChatEngine, model: str, tasks: list[SmallTask], nearest: Nearest,
          measures: list[str] | None = None) -> pd.DataFrame:
    """Ask every question of every measure, greedily. Returns rows of measure, id, model, valid, right, reply."""
    rows = []
    for name in measures or MEASURES:
        questions = MEASURES[name](tasks, nearest)
        with Progress(f"{model}: {name}", len(questions)) as bar:
            for question in questions:
                reply = answer(engine, question)
                rows.append({"measure": name, "id": question.id, "model": model, "valid": question.valid(reply),
                             "right": question.right(reply), "reply": reply})
                bar.step()
    return pd.DataFrame(rows)


def answer(engine: ChatEngine, question: Question) -> str:
    """Return the model's answer to a question, under its schema if it has one."""
    limit = TOKENS_OF_JSON if question.as_json else TOKENS
    request = {"messages": question.messages, "temperature": 0, "max_tokens": limit}
    if question.schema:
        request["grammar"] = json_grammar(question.schema["json_schema"]["schema"])
    return engine.complete(request)["choices"][0]["message"]["content"]


def side_by_side(rows: pd.DataFrame, before: str = "raw", after: str = "tuned") -> pd.DataFrame:
    """Return one line a measure: right before and after with Wilson intervals, the paired difference, valid replies."""
    lines = []
    for measure, group in rows.groupby("measure", sort=False):
        pair = group.pivot(index="id", columns="model", values=["right", "valid"])
        old, new = pair["right"][before].astype(bool), pair["right"][after].astype(bool)
        flips = pd.DataFrame({"change": ["won" if right else "lost" for right in new[old != new]]})
        compared = Comparison(before, after, len(pair), flips)
        low, high = compared.interval
        lines.append({"measure": measure, "n": len(pair), before: _rate(old), after: _rate(new),
                      "difference": f"{100 * compared.difference:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})",
                      "p": f"{compared.p:.4f}",
                      f"valid, {before}": f"{pair['valid'][before].mean():.0%}",
                      f"valid, {after}": f"{pair['valid'][after].mean():.0%}"})
    return pd.DataFrame(lines).set_index("measure")


def _rate(right: pd.Series) -> str:
    """Example: _rate(pd.Series([True, False])) -> "50% (9-91)" """
    low, high = wilson(int(right.sum()), len(right))
    return f"{right.mean():.0%} ({100 * low:.0f}-{100 * high:.0f})"
