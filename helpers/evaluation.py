"""Score any function that answers examples, and compare two such functions on the same examples.

    run = evaluate(ask, task.test, name="plain prompt")
    compare(baseline, run)

A failed row counts as wrong and is shown. Every reply is kept as it arrives (see provider/recordings.py), so a run
that was cut off, by Ctrl-C or a crash, goes on where it was when it is started again. With `batch=FOLDER` the requests
are answered in bulk, for half the price where a provider's list says so (see provider/batches.py).
Does not: choose a method. Choose on validation, and open test once.
"""
from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import openai
import pandas as pd

from helpers.intervals import detectable, mcnemar, paired_bootstrap, wilson
from helpers.progress import Progress
from helpers.provider import budget
from helpers.provider.batches import Batches
from helpers.provider.budget import SMALL_CHANGE, OverBudget, UnknownPrice
from helpers.provider.collection import BatchError, PutOff
from helpers.provider.meter import Metered, metered
from helpers.provider.recordings import DamagedRecording
from helpers.provider.transport import NotRecorded, NoWeights
from helpers.settings import SettingError
from helpers.tasks import Example, LabelTask, Score

Ask = Callable[[Example], "str | dict | None"]
Scorer = Callable[[Example, "str | dict | None"], Score]

# what would fail every row alike: stop at once instead of counting 300 failures
HOPELESS = (NotRecorded, NoWeights, OverBudget, UnknownPrice, SettingError, DamagedRecording, BatchError,
            openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)
NO_LABEL = "(none)"
NOTHING_SHOWN = "too few changed to say what it could have shown"


@dataclass(eq=False)
class Run:
    """What one method did on a set of examples, row by row."""

    name: str
    rows: pd.DataFrame      # id, expected, reply, valid, right, error, prompt_tokens, completion_tokens, cost, seconds
    fields: pd.DataFrame    # one column a field: was it right; empty where the reply does not answer it

    @property
    def total(self) -> int:
        return len(self.rows)

    @property
    def right(self) -> int:
        return int(self.rows.right.sum())

    @property
    def accuracy(self) -> float:
        """Right answers over all examples, failed ones included."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval of the accuracy."""
        return wilson(self.right, self.total)

    @property
    def span(self) -> str:
        """The interval as it is shown. Example: "65% to 76%" """
        low, high = self.interval
        return f"{low:.0%} to {high:.0%}"

    @property
    def valid_rate(self) -> float:
        return float(self.rows.valid.mean())

    @property
    def failed(self) -> int:
        """Rows whose call failed; each counts as wrong."""
        return int((self.rows.error != "").sum())

    def summary(self) -> dict:
        """Return the run as one row of a table."""
        return {"right": f"{self.right} of {self.total}", "accuracy": f"{self.accuracy:.0%}",
                "95% interval": self.span, "valid": f"{self.valid_rate:.0%}", "failed": self.failed,
                "tokens in": round(self.rows.prompt_tokens.mean()),
                "tokens out": round(self.rows.completion_tokens.mean()),
                "seconds": _latency(self.rows), "$": f"{self.rows.cost.sum():.2f}"}

    def __repr__(self) -> str:
        failed = f", scored {self.total - self.failed} of {self.total}" if self.failed else ""
        return (f"{self.name}: {self.right} of {self.total} right ({self.accuracy:.0%}, 95% interval {self.span}), "
                f"{self.valid_rate:.0%} valid{failed}")

    def _repr_html_(self) -> str:
        return table([self])._repr_html_()


def evaluate(ask: Ask, examples: Sequence[Example], *, score: Scorer | None = None, name: str | None = None,
             workers: int = 8, repeat: int = 0, batch: str | Path | None = None) -> Run:
    """Ask about every example, `workers` at a time, and score the replies.

    `ask(example)` returns the reply, text or dict; tokens, cost and seconds come from the calls it makes. `score`
    defaults to the examples' task's. `repeat` tells repeated runs of the same method apart: each is asked anew.
    `batch` names a folder: the requests are written there, answered in bulk, within a day, and read back; called again
    after an interruption it goes on. A method that makes calls in turn takes a batch for each turn.
    Raises what would fail every row alike (no key, unknown model, budget); any other failure is a row's. With `batch`
    also NotAnsweredYet, which says how requests are answered that the provider takes in no batch, and BatchError.
    Example: evaluate(lambda example: "delivery", task.test).accuracy -> 0.21
    """
    if not examples:
        raise ValueError("There are no examples to evaluate on: the list is empty.")
    name = name or getattr(ask, "__name__", "run")
    score = score or _task_score(examples[0])
    if batch is None:
        rows = _one_by_one(_Work(ask, score, repeat), examples, name, workers)
    else:
        rows = _in_batches(_Work(ask, score, repeat, Batches(Path(batch), name)), examples, workers)
    frame = pd.DataFrame([rows[i] for i in range(len(examples))])
    fields = pd.DataFrame(list(frame.pop("fields")), index=frame.id)
    return Run(name, frame, fields)


def _one_by_one(work: _Work, examples: Sequence[Example], name: str, workers: int) -> dict[int, dict]:
    before = budget().spent
    rows = {0: work.row(0, examples[0])}       # alone, as a price tag for the rest
    _estimate(name, budget().spent - before, len(examples))
    with Progress(name, len(examples)) as bar:
        bar.step()
        for number, row in _side_by_side(work, dict(enumerate(examples[1:], 1)), workers):
            rows[number] = row
            bar.step()
    return rows


def _in_batches(work: _Work, examples: Sequence[Example], workers: int) -> dict[int, dict]:
    """Ask in rounds: a row is put off at its first request without an answer, and asked again when that has come."""
    rows: dict[int, dict] = {}
    while left := {number: example for number, example in enumerate(examples) if number not in rows}:
        rows |= {number: row for number, row in _side_by_side(work, left, workers) if row is not None}
        work.batches.answer()
    return rows


@dataclass(frozen=True)
class _Work:
    """What is done for one example."""

    ask: Ask
    score: Scorer
    repeat: int
    batches: Batches | None = None

    def row(self, number: int, example: Example) -> dict | None:
        """Return what came of an example, None when a request about it waits for a batch."""
        reply, error, started = None, "", time.perf_counter()
        collecting = self.batches.collection.row(number) if self.batches else nullcontext([])
        with metered(self.repeat) as calls, collecting as put_off:
            try:
                reply = self.ask(example)
            except HOPELESS:
                raise
            except PutOff:
                pass
            except Exception as failure:
                error = f"{type(failure).__name__}: {failure}"
        if put_off:
            return None
        if not error and reply in (None, "", {}):
            spent = any(call.cut_off for call in calls)
            error = "empty reply" + (" (the token limit was spent before the answer)" if spent else "")
        scored = self.score(example, reply) if not error else Score(False, False)
        return _row(example, reply, scored, error, calls, time.perf_counter() - started)


def _row(example: Example, reply: object, scored: Score, error: str, calls: list[Metered], wall: float) -> dict:
    return {"id": example.id, "expected": example.expected, "reply": reply, "valid": scored.valid,
            "right": scored.right, "error": error,
            "prompt_tokens": sum(call.tokens.prompt for call in calls),
            "completion_tokens": sum(call.tokens.completion for call in calls),
            "cost": sum(call.cost for call in calls),
            "seconds": sum(call.seconds for call in calls) if calls else wall,
            "fields": scored.fields}


def _side_by_side(work: _Work, examples: Mapping[int, Example], workers: int) -> Iterator[tuple[int, dict | None]]:
    """Yield (number, row) as rows are done; on an error or Ctrl-C the rows not begun are left."""
    pool = ThreadPoolExecutor(max_workers=workers)
    try:
        futures = {pool.submit(work.row, number, example): number for number, example in examples.items()}
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _estimate(name: str, one: float, total: int) -> None:
    """Say what a batch will cost, from what its first row was paid. Raises OverBudget when the budget does not reach.
    A first row that was replayed tells nothing: then the limit alone holds."""
    rest, left = one * (total - 1), budget().limit - budget().spent
    if one and rest > left:
        raise OverBudget(f"{name}: {total} rows at ${one:.4f} each come to ${one * total:.2f}, and ${left:.2f} of the "
                         "budget is left. Stopped after one row. Set COURSE_BUDGET higher, or use fewer rows.")
    if rest > SMALL_CHANGE:
        print(f"{name}: about ${one * total:.2f} for {total} rows, list price.")


def _latency(rows: pd.DataFrame) -> str:
    """Return the median; of what came in a batch, nobody knows it. Where no model was asked, a tenth of a second is
    what a busy machine measures twice alike."""
    if rows.seconds.isna().all():
        return "?"
    return f"{rows.seconds.median():.2f}" if rows.prompt_tokens.any() else f"{rows.seconds.median():.1f}"


def _task_score(example: Example) -> Scorer:
    if example.task is None:
        raise ValueError(f"Example {example.id!r} belongs to no task, so there is no score for it. Pass score=...")
    return example.task.score


def table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return runs as a table, a row each: score with interval, valid format, tokens, latency, list cost."""
    return pd.DataFrame([run.summary() for run in runs], index=[run.name for run in runs])


def by_slice(run: Run, examples: Sequence[Example], tag: str = "slices") -> pd.DataFrame:
    """Return the run's score on each part of the examples that a tag names, the worst part first.

    A tag may hold one value or several; an example counts in each of its parts, and in none without the tag.
    Raises ValueError when no example has the tag. Example: by_slice(run, task.test, "channel")
    """
    parts: dict[str, list[bool]] = defaultdict(list)
    right = dict(zip(run.rows.id, run.rows.right, strict=True))
    if missing := [example.id for example in examples if example.id not in right]:
        raise ValueError(f"{run.name!r} has no row for {missing[0]!r} and {len(missing) - 1} others. Give the examples "
                         "that the run was made on.")
    for example in examples:
        value = example.tags.get(tag)
        for part in value if isinstance(value, list) else [value] * (value is not None):
            parts[part].append(right[example.id])
    if not parts:
        tags = sorted({name for example in examples for name in example.tags})
        raise ValueError(f"No example has the tag {tag!r}. They have: {', '.join(tags) or 'none'}.")
    rows = [(part, len(marks), sum(marks), *wilson(sum(marks), len(marks))) for part, marks in parts.items()]
    rows.sort(key=lambda row: row[2] / row[1])
    return pd.DataFrame([{"n": n, "right": count, "accuracy": f"{count / n:.0%}",
                          "95% interval": f"{low:.0%} to {high:.0%}"} for _, n, count, low, high in rows],
                        index=[part for part, *_ in rows])


def confusions(run: Run, task: LabelTask) -> pd.DataFrame:
    """Return how often each label (row) was answered as which (column), in the task's order.

    Replies that name no label stand in a last column, which is there only if there are any.
    """
    answered = [_answered(reply, task) for reply in run.rows.reply]
    right = [one[task.headline] if isinstance(one, dict) else one for one in run.rows.expected]
    counts = pd.crosstab(pd.Series(right), pd.Series(answered)).reindex(index=task.labels, fill_value=0)
    columns = [*task.labels, NO_LABEL] if NO_LABEL in answered else task.labels
    return counts.reindex(columns=columns, fill_value=0).rename_axis(index=None, columns=None)


def _answered(reply: object, task: LabelTask) -> str:
    given = task.read(reply if isinstance(reply, str | dict) else None).get(task.headline)     # a failed row has none
    return given if isinstance(given, str) and given in task.labels else NO_LABEL


# ---------------------------------------------------------------- two runs

@dataclass(eq=False)
class Comparison:
    """Two runs on the same examples. Won: b is right where a was wrong; lost: the reverse."""

    a: str
    b: str
    total: int
    flips: pd.DataFrame     # the rows that changed: id, expected, reply of a, reply of b, change

    @cached_property
    def won(self) -> int:
        return int((self.flips.change == "won").sum())

    @cached_property
    def lost(self) -> int:
        return int((self.flips.change == "lost").sum())

    @property
    def difference(self) -> float:
        """Accuracy of b less accuracy of a."""
        return (self.won - self.lost) / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Paired bootstrap, 95%."""
        return paired_bootstrap(self.won, self.lost, self.total)

    @property
    def p(self) -> float:
        """Exact McNemar."""
        return mcnemar(self.won, self.lost)

    @property
    def detectable(self) -> float:
        """The smallest true difference that these rows would have shown four times in five."""
        return detectable((self.won + self.lost) / self.total, self.total)

    def __repr__(self) -> str:
        low, high = self.interval
        p = "p < .0001" if self.p < 0.0001 else f"p = {self.p:.4f}".replace("0.", ".")
        shown = f"could have shown {100 * self.detectable:.1f}" if self.detectable < 1 else NOTHING_SHOWN
        return (f"{self.a} → {self.b}: {100 * self.difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}), "
                f"{self.won} won, {self.lost} lost of {self.total}, {p}; {shown}")


def compare(a: Run, b: Run) -> Comparison:
    """Compare two runs on the examples both have. Raises ValueError when they have none in common.

    Example: print(compare(majority, keywords))
    -> "majority → keywords: +30.0 points (+23.3 to +36.7), 110 won, 20 lost of 300, p < .0001; could have shown 9.7"
    """
    for run in (a, b):
        if run.rows.id.duplicated().any():
            double = run.rows.id[run.rows.id.duplicated()].iloc[0]
            raise ValueError(f"{run.name!r} has several rows with the id {double!r}: rows are matched by id.")
    both = a.rows.merge(b.rows, on="id", suffixes=("_a", "_b"))
    if both.empty:
        raise ValueError(f"{a.name!r} and {b.name!r} have no example in common: they ran on different splits.")
    changed = both[both.right_a != both.right_b]
    flips = pd.DataFrame({"id": changed.id, "expected": changed.expected_a, a.name: changed.reply_a,
                          b.name if b.name != a.name else f"{b.name} (2)": changed.reply_b,
                          "change": ["won" if right else "lost" for right in changed.right_b]})
    return Comparison(a.name, b.name, len(both), flips.reset_index(drop=True))
