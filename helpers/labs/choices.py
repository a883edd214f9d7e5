"""The facts of a case as fields of a form: read from what is typed, written as it would be typed.

    form = Form(facts)
    form.put("requests", "50,000"); form.facts.requests -> 50000

An empty field means that nobody measured or decided it. Does not: judge the facts (see helpers.checklists).
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from helpers.checklists import FACTS, FORM, REASONING, Facts, Gain, Score, Verdict, articles, decide, trouble_of
from helpers.evaluation import Run, compare
from helpers.ladder import findings
from helpers.ladder.rungs import BASELINE, MODEL, TUNED

COUNT, SHARE, YES, ONE_OF, SCORE, GAIN = "count", "share", "yes or no", "one of", "score", "gain"
UNKNOWN = ""
LIKE = {COUNT: "100,000", SHARE: "90%", SCORE: "123 of 300", GAIN: "won 109, lost 21 of 300"}


@dataclass(frozen=True)
class Field:
    """A fact as a question, and what kind of answer it takes."""

    name: str
    question: str
    kind: str
    options: Sequence[str] = ()


FIELDS = (Field("target", "share of right answers that the job needs", SHARE),
          Field("baseline", "best without a language model", SCORE),
          Field("prompt", "best prompt alone", SCORE),
          Field("cheaper", "best below tuning that asks a model", SCORE),
          Field("gain", "tuned, against that", GAIN),
          Field("over_baseline", "tuned, against no model", GAIN),
          Field("must", "gain that would pay for tuning", SHARE),
          Field("labels", "labelled rows", COUNT),
          Field("trouble", "what is mostly wrong", ONE_OF, (FORM, REASONING, FACTS)),
          Field("changing", "do right answers change every month?", YES),
          Field("formulations", "prompts tried", COUNT),
          Field("shots", "examples in a prompt, at most", COUNT),
          Field("retrieval", "passages or nearest examples tried?", YES),
          Field("cleaned", "data cleaned and checked?", YES),
          Field("metric", "can a program tell right from wrong?", YES),
          Field("requests", "requests a year", COUNT),
          Field("retraining", "will somebody train again?", YES))
BY_NAME = {field.name: field for field in FIELDS}


class Form:
    """A case as it was measured, and as it is being changed."""

    def __init__(self, measured: Facts):
        self.measured = self.facts = measured

    def put(self, name: str, text: str) -> None:
        """Take what was typed for a fact. Raises ValueError that names it, and then nothing has changed."""
        value = read(BY_NAME[name], text, getattr(self.measured, name))
        self.facts = replace(self.facts, **{name: value})

    def text(self, name: str) -> str:
        """Return a fact as it would be typed."""
        return written(BY_NAME[name], getattr(self.facts, name))

    def changes(self) -> list[str]:
        """Return what is not as it was measured. Example: ["labelled rows: 600 → 60"]"""
        pairs = [(field, *(written(field, getattr(facts, field.name)) for facts in (self.measured, self.facts)))
                 for field in FIELDS]
        return [f"{field.question}: {before or 'unknown'} → {now or 'unknown'}" for field, before, now in pairs
                if before != now]

    def verdicts(self) -> list[tuple[Verdict, Verdict]]:
        """Return each checklist's verdict now, the course's own last, beside that on the case as measured."""
        now, then = ([*articles(facts), decide(facts)] for facts in (self.facts, self.measured))
        return list(zip(now, then, strict=True))


def written(field: Field, value: object) -> str:
    """Return a value as it would be typed; nothing for what nobody knows.

    Example: written(BY_NAME["target"], 0.9) -> "90%"
    """
    if value is None:
        return UNKNOWN
    if field.kind == GAIN:
        return f"won {value.won}, lost {value.lost} of {value.total}"
    if field.kind == SCORE:
        return f"{value.right} of {value.total}"
    return {COUNT: lambda: f"{value:,}", SHARE: lambda: f"{100 * value:g}%",
            YES: lambda: "yes" if value else "no"}.get(field.kind, lambda: str(value))()


def read(field: Field, text: str, before: object) -> object:
    """Return what was typed as a value, None for nothing; a score keeps the name it was measured under.

    Raises ValueError. Example: read(BY_NAME["labels"], "1,200", None) -> 1200
    """
    text = text.strip()
    if not text:
        return 0.0 if field.name == "must" else None
    if field.kind in (YES, ONE_OF):
        return text == "yes" if field.kind == YES else text
    numbers = [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*(?![\d.])", text)]
    if field.kind == COUNT and re.fullmatch(r"\d[\d,]*", text):
        return numbers[0]
    if field.kind == SHARE:
        return _share(field, text)
    if field.kind == SCORE and len(numbers) == 2 and numbers[0] <= numbers[1] > 0:
        return Score(before.name if before else field.question, *numbers)
    if field.kind == GAIN and len(numbers) == 3 and numbers[0] + numbers[1] <= numbers[2] > 0:
        return Gain(*numbers)
    raise ValueError(_unreadable(field, text))


def _share(field: Field, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
    value = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= value <= 1:
        raise ValueError(_unreadable(field, text))
    return value


def _unreadable(field: Field, text: str) -> str:
    return f"{field.question}: {text!r} cannot be read as a {field.kind}. Write it like {LIKE[field.kind]}, or nothing."


# ---------------------------------------------------------------- from a climb

def facts_of(found: dict, **decided: object) -> Facts:
    """Return what a climb of helpers.ladder measured as facts; what nobody can measure is `decided` by you.

    Example: facts_of(result, labels=28, target=0.9).baseline -> Score("embeddings + regression", 8, 12)
    """
    runs = {kind: [findings.run_of(step, found) for step in findings.asked(found) if step["kind"] == kind]
            for kind in (BASELINE, MODEL, TUNED)}
    prompts = [run for run in runs[MODEL] if run.name.startswith("prompt")]
    base, cheaper, tuned = (_best(runs[kind]) for kind in (BASELINE, MODEL, TUNED))
    shots = [int(n) for run in runs[MODEL] for n in re.findall(r"(\d+) (?:fixed|nearest) example", run.name)]
    return replace(Facts(
        formulations=len(prompts) or None, shots=max(shots, default=None), metric=True,
        retrieval=any(run.name.startswith(("retrieved", "rag")) for run in runs[MODEL]),
        trouble=_trouble(prompts), prompt=_score(_best(prompts)), cheaper=_score(cheaper), baseline=_score(base),
        gain=_gain(cheaper, tuned), over_baseline=_gain(base, tuned)), **decided)


def _best(runs: list[Run]) -> Run | None:
    return max(runs, key=lambda run: run.right, default=None)


def _score(run: Run | None) -> Score | None:
    return Score.of(run) if run else None


def _gain(before: Run | None, tuned: Run | None) -> Gain | None:
    return Gain.of(compare(before, tuned)) if before and tuned else None


def _trouble(prompts: list[Run]) -> str | None:
    best = _best(prompts)
    return trouble_of(int(best.rows.valid.sum()), best.right, best.total) if best else None
