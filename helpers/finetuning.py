"""Fine-tune from a notebook: write a training file, check it, say what training takes, start it, watch it.

    write([conversation(prompts.plain(task, one.input), one.expected["category"]) for one in task.train], path)
    print(check(path)); print(estimate(path))
    job = watch(client, start(client, model, path, n_epochs=3))
    losses(client, job); export(job.fine_tuned_model, "my-model", "gguf")

What is sent are plain calls of the OpenAI SDK, so that any provider with OpenAI's fine-tuning API will do.
Does not: train (see local/trainer.py), choose examples or settings, or price the calls of a tuned model.
"""
from __future__ import annotations

import hashlib
import io
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import openai
import pandas as pd
from openai import OpenAI, OpenAIError

from helpers import provider, validate
from helpers.local import conversations, folders, jobs, trainer, weights
from helpers.local.exports import export
from helpers.progress import Fleeting, duration, in_notebook
from helpers.provider.recordings import Call, Recorded
from helpers.provider.shelves import NotRecorded
from helpers.settings import setting
from helpers.validate.report import Report, plural

if TYPE_CHECKING:
    from openai.types.fine_tuning import FineTuningJob

SPEED = 150             # tokens trained a second on two cores with AVX2, 2026-11-29; with bf16 in hardware 330 to 440
HYPERPARAMETERS = ("n_epochs", "batch_size", "learning_rate_multiplier")
OPTIONS = ("suffix", "seed", "metadata")
REFUSALS = (400, 403, 404, 405, 501)        # of a provider that does not tune this model, for us, or at all
PAGE = 100              # events asked for at once
TRAINING, VALIDATION = "#D55E00", "#0072B2"
WIDE, HIGH = 520, 150   # pixels of the plot

Row = TypeVar("Row")


class NotOffered(OpenAIError):
    """The provider does not fine-tune this model for this account; the message says who else does."""


# ---------------------------------------------------------------- the training file

def conversation(messages: Sequence[dict], answer: str | dict) -> dict:
    """Return one training example in OpenAI's chat format: what is asked, and the answer to learn, a dict as JSON.

    Example: conversation([{"role": "user", "content": "Hi"}], "Hello")
    -> {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    """
    text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    return {"messages": [*messages, {"role": "assistant", "content": text}]}


def write(examples: Iterable[dict], path: str | Path) -> Path:
    """Write examples as JSON lines, whole or not at all, and return the path. The same examples give the same bytes.

    Raises ValueError when there are none. Example: write([conversation(turns, "yes")], "data/train.jsonl")
    """
    lines = [json.dumps(example, ensure_ascii=False) for example in examples]
    path = Path(path)
    if not lines:
        raise ValueError(f"There are no examples to write to {path.name}: the list is empty.")
    path.parent.mkdir(parents=True, exist_ok=True)
    folders.write(path, "\n".join(lines) + "\n")
    return path


def split_by_group(rows: Sequence[Row], group: Callable[[Row], object], share: float,
                   seed: int = 0) -> tuple[list[Row], list[Row]]:
    """Return training rows and about that share of validation rows, no group on both sides, each in its old order.

    `group(row)` names what belongs together: a customer, a document, a family of near-duplicates. Raises ValueError
    when there is one group only. Example: split_by_group(rows, lambda row: row["customer"], 0.2)
    """
    names = [group(row) for row in rows]
    sizes = Counter(names)
    if len(sizes) < 2:
        raise ValueError(f"{len(rows)} rows in {len(sizes)} group(s) cannot be split: no group may be on both sides. "
                         "Group by something finer.")
    aside, room = set(), max(round(share * len(rows)), min(sizes.values()))
    for name in Random(seed).sample(list(sizes), len(sizes)):
        if sizes[name] <= room and len(aside) < len(sizes) - 1:
            aside.add(name)
            room -= sizes[name]
    return ([row for row, name in zip(rows, names, strict=True) if name not in aside],
            [row for row, name in zip(rows, names, strict=True) if name in aside])


def check(path: str | Path, validation: str | Path | None = None, **options: object) -> Report:
    """Return what is wrong with a training file, alone and next to a validation file; print it to read it.

    `options` are those of helpers.validate.check. Example: check("train.jsonl").ok -> True
    """
    report = validate.check(path, validation=validation, **options)
    report.name = Path(path).name       # a page shows no folders of the machine it was made on
    return report


# ---------------------------------------------------------------- what it takes

@dataclass(frozen=True)
class Estimate:
    """What training on a file takes."""

    examples: int
    tokens: int                         # read in training, all epochs together, by the embedded model's tokenizer
    n_epochs: int
    seconds: float                      # on this machine, with the embedded model
    dollars: float | None = None        # at a hosted provider, by the price given

    def __repr__(self) -> str:
        paid = "" if self.dollars is None else f"; hosted, ${self.dollars:,.2f}"
        return (f"{plural(self.examples, 'example')}, {plural(self.n_epochs, 'epoch')}: "
                f"{self.tokens:,} tokens to train on, about {duration(self.seconds)} on this machine{paid}")


def estimate(path: str | Path, n_epochs: int = 3, *, price: float | None = None,
             speed: float | None = None) -> Estimate:
    """Return what training on a file takes, before it is started.

    `price` is a provider's, in dollars per million tokens trained; `speed` in tokens a second is that of the last job
    on this machine, if there was one, else SPEED. Raises NotTeachable for a file that cannot be learned.
    Example: estimate("train.jsonl") -> 200 examples, 3 epochs: 56,700 tokens to train on, about 2 minutes on this …
    """
    examples, once = _counted(Path(path))
    tokens = once * n_epochs
    dollars = None if price is None else tokens * price / 1e6
    return Estimate(examples, tokens, n_epochs, tokens / (speed or _last_speed() or SPEED), dollars)


def _counted(path: Path) -> tuple[int, int]:
    """Return examples and tokens, as a job will read them. Counting needs the weights file and seconds: it is kept."""
    shelves, content = provider.shelves(), path.read_bytes()
    call = Call("tokens to train on", weights.chat_model_fingerprint(),
                {"sha256": hashlib.sha256(content).hexdigest(), "longest": trainer.LONGEST})
    recorded = shelves.find(call)
    if recorded is None:
        if shelves.only_replay:
            raise NotRecorded(f"COURSE_REPLAY=only, and the tokens of {path.name} are not recorded. Unset "
                              "COURSE_REPLAY to count them, or record them with `python course.py record`.")
        started = time.perf_counter()
        recorded = Recorded(_count(path), time.perf_counter() - started)
        shelves.keep(call, recorded)
    return recorded.reply["examples"], recorded.reply["tokens"]


def _count(path: Path) -> dict:
    from helpers.local import training  # brings torch, which takes seconds
    file = weights.chat_model_path()
    fitting = training.fitting(file, conversations.read(path), trainer.LONGEST)
    tokens = sum(len(training.bundled(training.tokenizer_of(file), [one])) for one in fitting)
    return {"examples": len(fitting), "tokens": tokens}


def _last_speed() -> float | None:
    """Return the tokens a second of the last job on this machine; none in a replay, which must not depend on it."""
    if provider.shelves().only_replay:
        return None
    done = (job for job in jobs.everything() if job.card["status"] == "succeeded")
    speeds = (event["data"].get("tokens_per_second") for job in done for event in job.events() if event["data"])
    return next(filter(None, speeds), None)


# ---------------------------------------------------------------- a job

def start(client: OpenAI, model: str, training: str | Path, validation: str | Path | None = None,
          **settings: object) -> FineTuningJob:
    """Upload the files and create a job; return it as the SDK does.

    `settings` are n_epochs, batch_size, learning_rate_multiplier, suffix, seed, metadata. Raises NotOffered when a
    hosted provider refuses. Example: start(client, "course-135m", "train.jsonl", n_epochs=3).status -> "queued"
    """
    if unknown := settings.keys() - {*HYPERPARAMETERS, *OPTIONS}:
        raise TypeError(f"There is no setting {min(unknown)!r}. There are: {', '.join((*HYPERPARAMETERS, *OPTIONS))}.")
    hyperparameters = {name: value for name, value in settings.items() if name in HYPERPARAMETERS}
    options         = {name: value for name, value in settings.items() if name in OPTIONS}
    paths = {"training_file": training, "validation_file": validation}
    try:
        uploaded = {name: _upload(client, Path(path)) for name, path in paths.items() if path}
        return client.fine_tuning.jobs.create(
            model=model, **uploaded, **options,
            method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}})
    except openai.APIStatusError as error:
        if error.status_code not in REFUSALS or str(client.base_url).startswith(provider.EMBEDDED_URL):
            raise
        raise NotOffered(_not_offered(client, model, error)) from error


def _upload(client: OpenAI, path: Path) -> str:
    return client.files.create(file=(path.name, path.read_bytes()), purpose="fine-tune").id


def _not_offered(client: OpenAI, model: str, error: openai.APIStatusError) -> str:
    said = error.body.get("message") if isinstance(error.body, dict) else None
    openais = ("OpenAI has let no new organisation create jobs since 2026-05-07, and none can after 2027-01-06. "
               if client.base_url.host.endswith("openai.com") else "")
    return (f"{client.base_url.host} does not fine-tune {model!r} for this account ({error.status_code}: "
            f"{said or error.message}). {openais}If the reason is not one that you can mend, the same file and code "
            "tune the embedded model, connect('course-135m'), or a model at Azure/Foundry, by OPENAI_BASE_URL; and "
            "the file trains an open-weight model on a GPU of your own.")


@dataclass(frozen=True)
class Look:
    """A job as it was found when somebody looked."""

    name: str
    job: FineTuningJob
    client: OpenAI

    @property
    def ended(self) -> bool:
        return self.job.status in jobs.ENDED

    @cached_property
    def found(self) -> dict[int, dict]:
        """What each step had measured by then; asked when it is first needed."""
        return _metrics(self.client, self.name) or (_table(self.client, self.job) if self.ended else {})

    @property
    def line(self) -> str:
        """Say how far it has come. Example: "ftjob-1: step 2 of 9, training loss 0.50, about 20 s left" """
        return _line(self.name, self.job.status, self.found)


def follow(client: OpenAI, job: FineTuningJob | str, every: float = 2.0,
           wait: Callable[[float], object] | None = None) -> Iterator[Look]:
    """Look at a job every so many seconds and yield what is seen, the last time when it has ended.

    `wait(seconds)` is what is done between two looks: nothing, by default.
    Example: for look in follow(client, job): print(look.line)
    """
    name = _id(job)
    while True:
        look = Look(name, client.fine_tuning.jobs.retrieve(name), client)
        yield look
        if look.ended:
            return
        (wait or time.sleep)(every)


def watch(client: OpenAI, job: FineTuningJob | str, every: float = 2.0) -> FineTuningJob:
    """Wait until a job has ended, showing its losses meanwhile, and return it: succeeded, failed or cancelled.

    Looks every so many seconds. What is shown is gone at the end; a replayed job has ended and shows nothing. Ctrl-C
    ends the looking, not the job. Example: watch(client, job).fine_tuned_model -> "ft:course-135m:course::1a2b3c4d"
    """
    name = _id(job)
    try:
        with _Screen(name) as screen:
            for look in follow(client, name, every):
                if not look.ended:
                    screen.show(look.job.status, look.found)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{name} goes on without being watched. To come back: watch(client, {name!r}). To end "
                                f"it: client.fine_tuning.jobs.cancel({name!r}).") from None
    seen = look.job
    if seen.status == "failed" and seen.error:
        print(f"{name} failed: {seen.error.message}", file=sys.stderr)
    return seen


def losses(client: OpenAI, job: FineTuningJob | str) -> pd.DataFrame:
    """Return a job's losses, a row each step: step, training, validation (empty where it was not measured).

    Of a job whose model was there already, they are those of the job that trained it.
    Example: losses(client, job).validation.dropna() -> the loss after each epoch
    """
    name = _id(job)
    found = _metrics(client, name) or _table(client, client.fine_tuning.jobs.retrieve(name))
    rows = [{"step": step, "training": data.get("train_loss"), "validation": _validation_loss(data)}
            for step, data in sorted(found.items())]
    return pd.DataFrame(rows, columns=["step", "training", "validation"]).astype(
        {"training": float, "validation": float})


def seconds(job: FineTuningJob) -> int:
    """Return how long a job took, from its making to its end. Raises ValueError for one that has not ended.

    Example: seconds(watch(client, job)) -> 131
    """
    if job.finished_at is None:
        raise ValueError(f"{job.id} has not ended: it is {job.status}. Wait for it with watch(client, {job.id!r}).")
    return job.finished_at - job.created_at


def _id(job: FineTuningJob | str) -> str:
    return job if isinstance(job, str) else job.id


def _metrics(client: OpenAI, name: str) -> dict[int, dict]:
    """Return what each step measured. A job that was interrupted may say a step twice: the later word counts."""
    events = list(client.fine_tuning.jobs.list_events(name, limit=PAGE))        # the latest first
    return {event.data["step"]: event.data for event in reversed(events)
            if event.type == "metrics" and "step" in (event.data or {})}


def _table(client: OpenAI, job: FineTuningJob) -> dict[int, dict]:
    """Return what each step measured, from the table a job left behind."""
    if not job.result_files:
        return {}
    table = pd.read_csv(io.StringIO(client.files.content(job.result_files[0]).text)).astype(object)
    return {row["step"]: row for row in table.where(table.notna(), None).to_dict("records")}


def _validation_loss(data: dict) -> float | None:
    """Return the loss on the whole validation file where there is one, else on the batch of it that was tried."""
    whole = data.get("full_valid_loss")
    return data.get("valid_loss") if whole is None else whole


# ---------------------------------------------------------------- what is seen meanwhile

class _Screen:
    """A plot on a page, lines in a terminal, nothing in a replay; the plot is gone at the end."""

    def __init__(self, name: str):
        self.name, self.said = name, ""
        self._silent = setting("COURSE_REPLAY") == "only"
        self._page: Fleeting | None = None

    def __enter__(self) -> _Screen:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._page is not None:
            self._page.close()

    def show(self, status: str, found: dict[int, dict]) -> None:
        """Show how far a job has come."""
        if self._silent:
            return
        line = _line(self.name, status, found)
        if not in_notebook():
            self._say(line, found)
            return
        self._page = self._page or Fleeting()
        self._page.put(line, f"{plot(found)}<br>{line}")

    def _say(self, line: str, found: dict[int, dict]) -> None:
        """Say a line at every tenth of the way: a terminal keeps them all."""
        step, total = _reached(found)
        mark = f"{step * 10 // total}" if total else line
        if mark != self.said:
            print(line, file=sys.stderr, flush=True)
            self.said = mark


def _reached(found: dict[int, dict]) -> tuple[int, int]:
    """Return the last step and how many there will be, 0 if nobody knows."""
    return (max(found), found[max(found)].get("total_steps") or 0) if found else (0, 0)


def _line(name: str, status: str, found: dict[int, dict]) -> str:
    """Example: _line("ftjob-1", "running", {2: {"train_loss": 0.5, "total_steps": 9}})
    -> "ftjob-1: step 2 of 9, training loss 0.50"
    """
    if not found:
        return f"{name}: {status}"
    step, total = _reached(found)
    data, unseen = found[step], [loss for _, loss in sorted(_points(found, _validation_loss))]
    left = None if status in jobs.ENDED else data.get("seconds_left")
    return (f"{name}: step {step}{f' of {total}' if total else ''}, training loss {data['train_loss']:.2f}"
            f"{f', validation loss {unseen[-1]:.2f}' if unseen else ''}"
            f"{f', about {duration(left)} left' if left else ''}")


def plot(found: dict[int, dict]) -> str:
    """Return a small plot of losses over steps, as SVG: training a line, validation dots.

    `found` is what each step measured: {1: {"train_loss": 2.1, "total_steps": 38}, ...}
    """
    trained = _points(found, lambda data: data.get("train_loss"))
    unseen = _points(found, _validation_loss)
    if not trained:
        return ""
    last, top = max(_reached(found)), max(loss for _, loss in [*trained, *unseen]) or 1

    def place(step: int, loss: float) -> str:
        return f"{WIDE * step / last:.1f},{HIGH * (1 - loss / top):.1f}"
    line = " ".join(place(*point) for point in [trained[0], *trained])      # twice, so that one alone is seen
    dots = "".join('<circle cx="{}" cy="{}" r="4"/>'.format(*place(*point).split(",")) for point in unseen)
    return (f'<svg width="{WIDE}" height="{HIGH}" viewBox="-6 -6 {WIDE + 12} {HIGH + 12}" role="img" '
            f'style="max-width:100%;height:auto" aria-label="loss over steps">'
            f'<path d="M0,0V{HIGH}H{WIDE}" fill="none" stroke="currentColor" stroke-opacity=".4"/>'
            f'<polyline points="{line}" fill="none" stroke="{TRAINING}" stroke-linecap="round" '
            f'stroke-width="2"/><g fill="{VALIDATION}">{dots}</g></svg>')


def _points(found: dict[int, dict], loss: Callable[[dict], float | None]) -> list[tuple[int, float]]:
    return [(step, value) for step, data in sorted(found.items()) if (value := loss(data)) is not None]


__all__ = ["Estimate", "Look", "NotOffered", "check", "conversation", "estimate", "export", "follow", "losses", "plot",
           "seconds", "split_by_group", "start", "watch", "write"]
