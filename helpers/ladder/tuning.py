"""The last rung: train the model on the rows, and ask it with a short prompt.

    built = tuned(footing, rows, say)       raises Skip when no training is offered here, or the file is refused

It goes through helpers.finetuning, and the embedded model trains on this machine. The same rows give the same model,
which is not trained again. Does not: choose settings; helpers.experiments has runs that vary them.
"""
from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import openai

from helpers import finetuning
from helpers.ladder.rungs import Built, Footing, Skip, asking
from helpers.ladder.wording import tokens, tuned_form
from helpers.local.conversations import NotTeachable
from helpers.progress import duration
from helpers.provider import connect
from helpers.tasks import Example

EPOCHS = 3
ROWS = 600              # that are trained on at most
FEWEST = 10             # that OpenAI's format allows


def estimated(footing: Footing, rows: Sequence[Example]) -> float:
    """Return about how many seconds the training takes on this machine, counted from the texts. Raises Skip."""
    _enough(rows)
    form = tuned_form(footing.task, footing.instruction)
    each = [tokens(form.system) + tokens(one.input) + tokens(form.answer(one)) for one in rows]
    return EPOCHS * sum(each) / finetuning.SPEED


def tuned(footing: Footing, rows: Sequence[Example], say: Callable[[str], None]) -> Built:
    """Train on these rows and return the tuned model's way to answer. Raises Skip."""
    _enough(rows)
    form = tuned_form(footing.task, footing.instruction)
    client, model = connect()
    with tempfile.TemporaryDirectory() as folder:
        path = finetuning.write([finetuning.conversation(form.messages(one.input), form.answer(one)) for one in rows],
                                Path(folder) / "train.jsonl")
        job = _trained(client, model, path, say)
    ask = asking(footing.task, form, lambda one: form.messages(one.input), job.fine_tuned_model)
    return Built(ask, finetuning.seconds(job), f"{job.fine_tuned_model}: trained on {len(rows)} rows, {EPOCHS} epochs, "
                                               f"{duration(finetuning.seconds(job))}")


def _enough(rows: Sequence[Example]) -> None:
    if len(rows) < FEWEST:
        raise Skip(f"training needs {FEWEST} rows, and there are {len(rows)}")


def _trained(client: openai.OpenAI, model: str, path: Path, say: Callable[[str], None]):
    """Check, estimate, train, and return the job that succeeded. Raises Skip."""
    report = finetuning.check(path)
    if not report.ok:
        raise Skip(f"the training file has errors: {report.errors[0]}")
    try:
        say(f"fine-tune: {finetuning.estimate(path, EPOCHS)}")
        job = finetuning.watch(client, finetuning.start(client, model, path, n_epochs=EPOCHS))
    except (finetuning.NotOffered, NotTeachable, openai.BadRequestError) as error:
        raise Skip(str(error)) from error
    if job.status != "succeeded":
        raise Skip(f"the training ended {job.status}: {job.error.message if job.error else 'no reason given'}")
    return job
