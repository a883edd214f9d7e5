"""Run the course's deciding experiments on your own hosted or bigger local model: the column "yours".

    COURSE_MODEL=... python -m helpers.transfer --rows 100

It says how many calls that is, what they cost and how long they take, asks for a yes, and keeps a line for each
experiment in transfer.csv in your store. Every reply is kept as it comes: cut off, the same command goes on from there.
The prompts are those of the notebooks, so that only the model differs.
Does not: choose a prompt for your model; it repeats the choices that were made with the course's.
"""
from __future__ import annotations

import argparse
import datetime
import io
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import openai
import pandas as pd

from helpers import prompts
from helpers.documents import chunk, read_folder
from helpers.evaluation import HOPELESS, Run, evaluate
from helpers.local import folders
from helpers.local.weights import WeightsError
from helpers.provider import answering, chosen, connect
from helpers.provider.budget import Tokens
from helpers.provider.meter import metered
from helpers.retrieval import Index, similar
from helpers.settings import SettingError, store_folder
from helpers.tasks import DATA, Example, LabelTask, Task, load_task

BYTES_A_TOKEN = 4       # of English, roughly; the replies will say what it was
SHORT, LONG = 6, 80     # tokens of an answer that is a label, and of one that thinks first, roughly
ROOM = 1_000            # tokens left to a model that is not the course's: some think before they answer
SIDE_BY_SIDE = 8

ROLE = "You sort messages to the support desk of a shop for the home."
ONLY = "Answer with the category and nothing else."
RULES = """Rules:
1. An item that arrived broken or lacks a part is faulty, also when money is wanted back.
2. A wrong or missing item in the parcel is delivery.
3. Cancelling an order is returns; cancelling a subscription is billing.
4. Loyalty points are account; gift cards and discount codes are billing."""
STEPS = ("Think step by step: first say in one sentence what the customer wants, "
         "then end with a line 'Category: ' and the category.")


@dataclass(frozen=True)
class Experiment:
    """One way to ask: on which examples, with which messages and settings, how long, and how a reply is read."""

    name: str
    examples: Sequence[Example]
    messages: Callable[[Example], list[dict]]
    limit: int = 24
    settings: dict = field(default_factory=dict)
    read: Callable[[str], str] = str

    def ask(self, example: Example) -> str:
        """Put an example to the chosen model."""
        client, model = connect()
        room = {"max_completion_tokens": self.limit if chosen().embedded else ROOM}
        reply = client.chat.completions.create(model=model, messages=self.messages(example), temperature=0,
                                               **room, **self.settings)
        return self.read(reply.choices[0].message.content or "")

    def tokens(self) -> Tokens:
        """Return about what all its calls will use, without sending anything."""
        sent = sum(len(json.dumps(self.messages(one), ensure_ascii=False).encode()) for one in self.examples)
        written = LONG if self.limit > 24 else SHORT
        return Tokens(prompt=sent // BYTES_A_TOKEN, completion=written * len(self.examples))


# ---------------------------------------------------------------- the experiments

def experiments(rows: int) -> list[Experiment]:
    """Return the dozen, each on the first `rows` test examples of its task.

    Example: [one.name for one in experiments(100)][:2] -> ["bare question", "label list"]
    """
    return [*_of_words(load_task("tickets"), rows), *_of_examples(load_task("tickets"), rows),
            *_of_pages(load_task("handbook"), rows)]


def system_prompts(task: LabelTask) -> dict[str, str]:
    """Return the system prompts of notebook 01 that are tried here, by name."""
    categories = task.fields["category"]
    meant = f"{ROLE} Choose one of these categories:\n" + "\n".join(f"- {name}: {line}"
                                                                    for name, line in categories.items())
    return {"bare question": "What is this message about?",
            "label list": f"{ROLE} Choose one of these categories: {', '.join(categories)}. {ONLY}",
            "descriptions": f"{meant}\n{ONLY}",
            "rules": f"{meant}\n{RULES}\n{ONLY}",
            "step by step": f"{meant}\n{RULES}\n{STEPS}",
            "JSON schema": f'{meant}\n{RULES}\nAnswer as JSON: {{"category": "..."}}'}


def _of_words(task: LabelTask, rows: int) -> list[Experiment]:
    def asking(system: str) -> Callable[[Example], list[dict]]:
        return lambda one: prompts.with_examples(system, [], one.input, _label)
    more = {"step by step": {"limit": 300, "read": lambda reply: reply.rpartition("Category:")[2]},
            "JSON schema": {"settings": {"response_format": prompts.label_schema(task)}}}
    return [Experiment(name, task.test[:rows], asking(system), **more.get(name, {}))
            for name, system in system_prompts(task).items()]


def _of_examples(task: LabelTask, rows: int) -> list[Experiment]:
    system = system_prompts(task)["descriptions"]
    nearest = cache(lambda: similar(task.train, 3))     # embeds the training tickets when it is first needed
    guide = cache(lambda: _index(chunk(task.guide, words=80, overlap=20, source="guide.md")))

    def shown(choose: Callable[[Example], Sequence[Example]]) -> Callable[[Example], list[dict]]:
        return lambda one: prompts.with_examples(system, choose(one), one.input, _label)

    def told(one: Example) -> list[dict]:
        found = "\n\n".join(map(str, guide().search(one.input, 2)))
        return prompts.with_examples(f"{system}\n\nFrom the label guide:\n\n{found}", [], one.input, _label)
    return [Experiment("5 fixed", task.test[:rows], shown(lambda one: task.train[:5])),
            Experiment("10 fixed", task.test[:rows], shown(lambda one: task.train[:10])),
            Experiment("3 nearest", task.test[:rows], shown(lambda one: nearest()(one))),
            Experiment("guide passages", task.test[:rows], told)]


def _of_pages(task: Task, rows: int) -> list[Experiment]:
    pages = cache(lambda: Index.of(read_folder(DATA / "handbook" / "pages")))
    return [Experiment("handbook: no pages", task.test[:rows], lambda one: prompts.without_pages(one.input), limit=40),
            Experiment("handbook: 3 passages", task.test[:rows], lambda one: prompts.from_passages(
                one.input, pages().search(one.input, 3)), limit=40)]


def _index(passages: list) -> Index:
    index = Index()
    index.add(passages)
    return index


def _label(example: Example) -> str:
    return example.task.label_of(example)


# ---------------------------------------------------------------- before and after

def estimate(planned: Sequence[Experiment]) -> str:
    """Say what the experiments would take: calls, tokens, dollars; nothing is sent."""
    calls = sum(len(one.examples) for one in planned)
    used = [one.tokens() for one in planned]
    total = Tokens(prompt=sum(one.prompt for one in used), completion=sum(one.completion for one in used))
    target = chosen()
    dollars = target.price(target.model).of(total)
    most = target.price(target.model).of(Tokens(prompt=total.prompt, completion=calls * ROOM))
    money = "free" if not most else f"about ${dollars:.2f}, at most ${most:.2f} if the model thinks at length"
    return f"{calls:,} calls, about {total.prompt + total.completion:,} tokens, {money}."


def timed(planned: Sequence[Experiment]) -> str:
    """Ask one question of middling length, and say how long all of them would take."""
    middle = sorted(planned, key=lambda one: one.tokens().prompt / len(one.examples))[len(planned) // 2]
    with metered() as calls:
        middle.ask(middle.examples[0])
    seconds = sum(call.seconds for call in calls) * sum(len(one.examples) for one in planned)
    return (f"One question took {sum(call.seconds for call in calls):.1f} s: between {seconds / SIDE_BY_SIDE / 60:.0f} "
            f"and {seconds / 60:.0f} minutes, by how many the server answers at once.")


def carry_out(planned: Iterable[Experiment], say: Callable[[str], None] = print) -> None:
    """Do the experiments, and keep a line for each as it is done."""
    for experiment in planned:
        run = evaluate(experiment.ask, experiment.examples, name=experiment.name, workers=SIDE_BY_SIDE)
        _keep(run)
        say(str(run))


def path() -> Path:
    """Return where the results are kept: transfer.csv in the reader's store."""
    return store_folder() / "transfer.csv"


def results() -> pd.DataFrame:
    """Return what was measured, a row for each model and experiment; an empty table if nothing was.

    `marks` holds a 1 or 0 for each row, in order, so that two experiments can be compared row by row.
    """
    columns = ["model", "experiment", "rows", "right", "valid", "failed", "tokens in", "tokens out", "seconds",
               "dollars", "date", "marks"]
    return pd.read_csv(path(), dtype={"marks": str}) if path().exists() else pd.DataFrame(columns=columns)


def _keep(run: Run) -> None:
    table, model = results(), chosen().model
    row = {"model": model, "experiment": run.name, "rows": run.total, "right": run.right,
           "valid": int(run.rows.valid.sum()), "failed": run.failed,
           "tokens in": round(run.rows.prompt_tokens.mean()), "tokens out": round(run.rows.completion_tokens.mean()),
           "seconds": round(run.rows.seconds.median(), 2), "dollars": round(run.rows.cost.sum(), 4),
           "date": datetime.date.today().isoformat(), "marks": "".join(str(int(right)) for right in run.rows.right)}
    others = table[(table.model != model) | (table.experiment != run.name)]
    text = io.StringIO()
    pd.DataFrame([*others.to_dict("records"), row]).to_csv(text, index=False)
    path().parent.mkdir(parents=True, exist_ok=True)
    folders.write(path(), text.getvalue())


def missing(planned: Sequence[Experiment]) -> list[Experiment]:
    """Return those that were not yet done with this model on so many rows."""
    done = results()
    mine = done[done.model == chosen().model]
    kept = set(zip(mine.experiment, mine.rows, strict=True))
    return [one for one in planned if (one.name, len(one.examples)) not in kept]


# ---------------------------------------------------------------- the command

def main() -> None:
    """Read the command line, say what it takes, ask, and do it."""
    parser = argparse.ArgumentParser(prog="python -m helpers.transfer", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100, help="test rows for each experiment (default 100)")
    parser.add_argument("--yes", action="store_true", help="do not ask before starting")
    parser.add_argument("--again", action="store_true", help="also what was done before")
    options = parser.parse_args()
    if options.rows < 1:
        parser.error(f"--rows {options.rows}: ask about at least one row")
    try:
        _transfer(options.rows, options.yes, options.again)
    except (SettingError, WeightsError, openai.OpenAIError, *HOPELESS) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The replies so far are kept: the same command goes on from here.")


def _transfer(rows: int, sure: bool, again: bool) -> None:
    print(f"Answering: {answering()}.")
    planned = experiments(rows) if again else missing(experiments(rows))
    if planned:
        print(f"{len(planned)} experiments: {estimate(planned)}\n{timed(planned)}")
        if not sure and input("Go on? Type yes: ").strip().lower() not in ("y", "yes"):
            sys.exit("Nothing more was asked.")
        carry_out(planned)
    shown = results().drop(columns="marks")
    print(shown[shown.model == chosen().model].drop(columns="model").to_string(index=False))
    print("Kept in transfer.csv in your store; notebook 05 shows it as the column 'yours'.")


if __name__ == "__main__":
    main()
