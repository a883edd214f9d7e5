"""The rungs: the ways to answer that each can try, and why it may have none.

    for rung in RUNGS:
        candidates = rung.candidates(Footing(task, form))       # raises Skip, with the reason

A candidate knows about how many tokens it takes before anything is asked. Does not: choose (see ascent.py).
"""
from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from helpers.documents import DocumentError, read_folder
from helpers.evaluation import Ask
from helpers.ladder import first, wording
from helpers.ladder.kinds import LABELS, QUESTIONS, RECORDS, kind_of
from helpers.ladder.wording import Form, tokens
from helpers.provider import connect, embed
from helpers.retrieval import Index, similar
from helpers.tasks import Example, LabelTask, Task, TaskError

BASELINE, MODEL, TUNED = "baseline", "model", "tuned"
RETRIEVED = {LABELS: (1, 3, 5)}     # rows shown; of longer answers
FEWER = (1, 3)
PASSAGES, WORDS = (1, 3), 120       # shown, and of how many words
A_MESSAGE = 4       # tokens that a chat template adds


class Skip(Exception):
    """A rung that cannot apply; the message is the reason."""


@dataclass(frozen=True)
class Size:
    """Tokens of one call: what it shares with the call before, what is new in it, and its answer."""

    shared: int = 0
    fresh: int = 0
    answer: int = 0

    @property
    def prompt(self) -> int:
        return self.shared + self.fresh


@dataclass(frozen=True)
class Built:
    """A way to answer, ready. `seconds` is what making it ready took, where that is not the time of `build`."""

    ask: Ask
    seconds: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Candidate:
    """A way to answer, not built yet. `embedded` is how many rows it embeds first."""

    name: str
    build: Callable[[], Ask | Built]
    size: Size = Size()


@dataclass
class Footing:
    """What a rung stands on: the task, the form that did best so far, the reader's documents and instruction."""

    task: Task
    form: Form
    documents: Path | None = None
    instruction: str = ""
    settings: dict = field(default_factory=dict)        # of the fine-tuning

    @cached_property
    def index(self) -> Index:
        """The documents as passages. Raises TaskError."""
        try:
            return Index.of(read_folder(self.documents), words=WORDS)
        except DocumentError as error:
            raise TaskError(str(error)) from None

    def mean(self, of: Callable[[Example], str], most: int = 200) -> int:
        """Return the mean tokens of something of the examples. Example: mean(lambda one: one.input) -> 56"""
        some = [*self.task.test, *self.task.train][:most]
        return round(sum(tokens(of(one)) for one in some) / len(some)) + A_MESSAGE


@dataclass(frozen=True)
class Rung:
    """A rung: the name by which it is asked for, whether a model answers, and its candidates."""

    name: str
    kind: str
    candidates: Callable[[Footing], list[Candidate]]


# ---------------------------------------------------------------- no model

def _baseline(name: str, kinds: tuple[str, ...], build: Callable[[Footing], Ask]) -> Rung:
    def candidates(footing: Footing) -> list[Candidate]:
        if kind_of(footing.task) not in kinds:
            return []
        if not footing.task.train:
            raise Skip("there are no rows to learn from")
        return [Candidate(name, lambda: build(footing))]
    return Rung("baselines", BASELINE, candidates)


def _right(task: Task, example: Example) -> str:
    """Return the right answer as a reply. Example: of a record, its JSON"""
    if isinstance(task, LabelTask):
        return task.label_of(example)
    expected = example.expected
    return "I don't know." if expected is None else expected if isinstance(expected, str) else json.dumps(expected)


def _most_common(footing: Footing) -> Ask:
    answer = Counter(_right(footing.task, one) for one in footing.task.train).most_common(1)[0][0]
    return lambda example: answer


def _nearest_answer(footing: Footing) -> Ask:
    train = footing.task.train
    vectors = embed([one.input for one in train])
    return lambda example: _right(footing.task, train[int(np.argmax(vectors @ embed([example.input])[0]))])


def _unread(footing: Footing) -> list[Candidate]:
    if kind_of(footing.task) != QUESTIONS or not footing.documents:
        return []
    return [Candidate("best passage, unread", lambda: lambda one: str(footing.index.search(one.input, 1)[0]))]


OTHERS = (RECORDS, QUESTIONS, "texts")
BASELINES = (
    *(_baseline(rung.name, (LABELS,), lambda on, rung=rung: rung.build(on.task)) for rung in first.BASELINES),
    _baseline("most common answer", OTHERS, _most_common),
    _baseline("answer of the nearest row", OTHERS, _nearest_answer),
    Rung("baselines", BASELINE, _unread),
)


# ---------------------------------------------------------------- the model as it is

def asking(task: Task, form: Form, messages: Callable[[Example], list[dict]], model: str = "") -> Ask:
    """Return an `ask` that sends these messages, to the model that was chosen or to one named."""
    client, chosen = connect()

    def ask(example: Example) -> str | None:
        reply = client.chat.completions.create(model=model or chosen, messages=messages(example), temperature=0,
                                               max_completion_tokens=form.limit, **form.settings)
        return wording.unwrapped(task, reply.choices[0].message.content)
    return ask


def _candidate(on: Footing, form: Form, name: str, size: Size,
               shown: Callable[[], Callable[[Example], dict]] = lambda: lambda one: {}) -> Candidate:
    """Return a candidate; `shown()` returns what finds the shots or passages for an example."""
    def build() -> Ask:
        find = shown()
        return asking(on.task, form, lambda one: form.messages(one.input, **find(one)))
    return Candidate(name, build, size)


def _size(on: Footing, form: Form, shared: int = 0, fresh: int = 0) -> Size:
    return Size(tokens(form.system) + shared, on.mean(lambda one: one.input) + fresh, on.mean(form.answer))


def _prompt(on: Footing) -> list[Candidate]:
    return [_candidate(on, form, form.name, _size(on, form))
            for form in wording.forms(on.task, on.instruction)["prompt"]]


def _schema(on: Footing) -> list[Candidate]:
    found = wording.forms(on.task, on.instruction)["schema"]
    if not found:
        raise Skip("an answer in free words has no schema")
    return [_candidate(on, form, form.name, _size(on, form)) for form in found]


def _pair(on: Footing) -> int:
    return on.mean(lambda one: one.input) + on.mean(on.form.answer)


def _need_rows(on: Footing) -> None:
    if not on.task.train:
        raise Skip("there are no rows to show")


def _few_shot(on: Footing) -> list[Candidate]:
    _need_rows(on)
    return [_candidate(on, on.form, f"{len(shots)} fixed examples", _size(on, on.form, shared=len(shots) * _pair(on)),
                       lambda shots=shots: lambda one: {"shots": shots})
            for shots in (fixed(on.task, count) for count in _counts(on.task))]


def _counts(task: Task) -> tuple[int, int]:
    """Return how many fixed examples to try: one or two of each label, if there are not too many."""
    small = max(4, min(len(task.labels), 12)) if isinstance(task, LabelTask) else 2
    return small, min(2 * small, 16)


def fixed(task: Task, count: int) -> list[Example]:
    """Return training rows to show every time, of each label in turn, the commonest label first."""
    labels = [_right(task, one) for one in task.train] if isinstance(task, LabelTask) else [""] * len(task.train)
    often, turn = Counter(labels), Counter()
    order = []
    for place, label in enumerate(labels):
        order.append((turn[label], -often[label], label, place))
        turn[label] += 1
    return [task.train[place] for *_, place in sorted(order)[:count]]


def _retrieved(on: Footing) -> list[Candidate]:
    _need_rows(on)

    def nearest(k: int) -> Callable:
        find = similar(on.task.train, k)
        return lambda one: {"shots": find(one)}
    return [_candidate(on, on.form, f"{k} nearest examples" if k > 1 else "the nearest example",
                       _size(on, on.form, fresh=k * _pair(on)), lambda k=k: nearest(k))
            for k in RETRIEVED.get(kind_of(on.task), FEWER) if k <= len(on.task.train)]


def _rag(on: Footing) -> list[Candidate]:
    if not on.documents:
        raise Skip("no folder was given with --documents")
    form = wording.reading_form(on.form, on.task)

    def best(k: int) -> Callable:
        return lambda one: {"passages": on.index.search(one.input, k)}
    return [_candidate(on, form, f"{k} passages" if k > 1 else "the best passage",
                       _size(on, form, fresh=round(k * WORDS * 1.4)), lambda k=k: best(k)) for k in PASSAGES]


RUNGS = (*BASELINES, Rung("prompt", MODEL, _prompt), Rung("schema", MODEL, _schema),
         Rung("few-shot", MODEL, _few_shot), Rung("retrieved", MODEL, _retrieved), Rung("rag", MODEL, _rag))
FORMS = ("prompt", "schema")        # the rungs whose best form the rungs above them stand on
FINE_TUNE = "fine-tune"     # see tuning.py
NAMES = (*dict.fromkeys(rung.name for rung in RUNGS), FINE_TUNE)


def chosen(names: Sequence[str]) -> list[str]:
    """Return the names of rungs in the ladder's order. Raises TaskError. Example: chosen("schema,prompt".split(","))"""
    if unknown := [name for name in names if name not in NAMES]:
        raise TaskError(f"There is no rung {unknown[0]!r}. There are: {', '.join(NAMES)}.")
    return [name for name in NAMES if name in names]
