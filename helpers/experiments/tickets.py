"""The experiments on tickets: how many examples, what in the data matters, failures, a new category, later months.

    learning_curve(), data_and_settings(), corrected_failures(), split_category(), two_conditions(), forgetting(),
    drift() -> lists of points
"""
from __future__ import annotations

import csv
from collections import Counter
from functools import partial
from random import Random

from helpers import rows
from helpers.experiments.points import Asked, Exam, Point, exam_of, run_of
from helpers.finetuning import conversation
from helpers.instructions.measures import MEASURES, Question
from helpers.local.jobs import Hyperparameters
from helpers.tasks import DATA, Example, LabelTask, Score, load_task

SHORT = "Sort the message."     # the whole prompt of a model that was trained: it knows the rest
COUNTS = (25, 50, 100, 200, 400, 600)
SEEDS = (0, 1, 2)
N = 200                         # of the experiments that vary something else
MEMORIZED = 100                 # training tickets asked again, at most


def short(text: str) -> list[dict]:
    """Return the messages that a tuned model gets. Example: short("Hi")[0]["content"] -> "Sort the message." """
    return [{"role": "system", "content": SHORT}, {"role": "user", "content": text}]


def subset(task: LabelTask, n: int, seed: int) -> list[Example]:
    """Return the n training tickets of a draw, the same every time, for every method that is fed n of them."""
    return Random(seed).sample(task.train, n)


def taught(examples: list[Example], field: str = "category") -> list[dict]:
    """Return tickets as training examples in OpenAI's chat format, the short prompt before and one label after."""
    return [conversation(short(one.input), one.expected[field]) for one in examples]


def _exam(name: str, examples: list[Example]) -> Exam:
    return exam_of(name, examples, lambda one: short(one.input))


# ---------------------------------------------------------------- how many examples?

def learning_curve() -> list[Point]:
    """Train on 25 to 600 tickets, three draws each; asked the test, and up to 100 of its own training tickets."""
    task = load_task("tickets")
    return [Point("learning_curve", {"n": n, "seed": seed}, taught(drawn := subset(task, n, seed)),
                  [_exam("test", task.test), _exam("training", drawn[:MEMORIZED])], seed=seed)
            for seed in SEEDS for n in COUNTS]


# ---------------------------------------------------------------- what in the data matters?

def data_and_settings() -> list[Point]:
    """Train on 200 tickets in twelve ways, a change at a time; asked the validation tickets."""
    task = load_task("tickets")
    plain = subset(task, N, 0)
    exams = [_exam("validation", task.validation)]

    def point(change: str, training: list[dict], rank: int = 16, **hyperparameters: float) -> Point:
        return Point("data_and_settings", {"change": change}, training, exams, Hyperparameters(**hyperparameters), rank)
    return [
        point("none: 3 epochs, rate × 1, rank 16", taught(plain)),
        *(point(f"{share}% of the labels flipped", flipped(task, plain, share / 100)) for share in (10, 20, 40)),
        point("balanced", taught(balanced(task, N))),
        point("skewed: half of it delivery", taught(skewed(task, N))),
        point("1 epoch", taught(plain), n_epochs=1),
        point("10 epochs", taught(plain), n_epochs=10),
        point("the articles': batch 4, rate × 0.1", taught(plain), n_epochs=3, batch_size=4,
              learning_rate_multiplier=0.1),
        point("rate × 3", taught(plain), learning_rate_multiplier=3.0),
        point("rank 4", taught(plain), rank=4),
        point("rank 64", taught(plain), rank=64)]


def flipped(task: LabelTask, examples: list[Example], share: float, seed: int = 0) -> list[dict]:
    """Return training examples of which a share carry another label, drawn evenly from the others."""
    random, lessons = Random(seed), taught(examples)
    for i in random.sample(range(len(lessons)), round(share * len(lessons))):
        answer = lessons[i]["messages"][-1]
        answer["content"] = random.choice([label for label in task.labels if label != answer["content"]])
    return lessons


def balanced(task: LabelTask, n: int) -> list[Example]:
    """Return n training tickets, of each category as many, or one more."""
    drawn = Random(0).sample(task.train, len(task.train))
    turns = sorted(range(len(drawn)), key=_turn([one.expected["category"] for one in drawn]))
    return Random(1).sample([drawn[i] for i in turns[:n]], n)


def _turn(labels: list[str]):
    """Return a key that sorts places by how often their label came before: one of each, then a second of each, ..."""
    seen: Counter = Counter()
    turns = []
    for label in labels:
        turns.append(seen[label])
        seen[label] += 1
    return lambda i: turns[i]


def skewed(task: LabelTask, n: int) -> list[Example]:
    """Return n training tickets of which half are of the category delivery, and the others as they come."""
    drawn = Random(0).sample(task.train, len(task.train))
    most   = [one for one in drawn if one.expected["category"] == "delivery"][:n // 2]
    others = [one for one in drawn if one.expected["category"] != "delivery"][:n - len(most)]
    return Random(1).sample([*most, *others], n)


# ---------------------------------------------------------------- fixing a failure

def corrected_failures() -> list[Point]:
    """Train on 200 tickets; then on those and the validation tickets of its commonest confusion, corrected.

    Beside it as many other validation tickets, so that "more tickets" and "those tickets" are told apart. Asked the
    test. Needs the validation answers of data_and_settings.
    """
    task = load_task("tickets")
    plain, exams = subset(task, N, 0), [_exam("test", task.test)]
    before = run_of("data_and_settings", "validation", change="none: 3 epochs, rate × 1, rank 16")
    (right, said), failed = commonest_failure(task, dict(zip(before.rows.id, before.rows.reply, strict=True)))
    others = [one for one in task.validation if one not in failed]
    random = Random(0).sample(others, len(failed))
    settings = {"right": right, "said": said, "added": len(failed)}
    return [Point("corrected_failures", {"trained on": "200 tickets"} | settings, taught(plain), exams),
            Point("corrected_failures", {"trained on": "and the failures, corrected"} | settings,
                  taught([*plain, *failed]), exams),
            Point("corrected_failures", {"trained on": "and as many others"} | settings,
                  taught([*plain, *random]), exams)]


def commonest_failure(task: LabelTask, replies: dict[str, str]) -> tuple[tuple[str, str], list[Example]]:
    """Return the confusion (right label, said label) that is commonest, and the tickets on which it happened."""
    wrong = [(one, task.read(replies[one.id]).get("category", "")) for one in task.validation]
    kinds = Counter((one.expected["category"], said) for one, said in wrong if said != one.expected["category"])
    pair, _ = kinds.most_common(1)[0]
    return pair, [one for one, said in wrong if (one.expected["category"], said) == pair]


# ---------------------------------------------------------------- a category is split in two

def split_category() -> list[Point]:
    """After launch `delivery` becomes `transport` and `contents`: the model as it was, and one trained anew."""
    task = new_task()
    plain = subset(task, N, 0)
    exams = [_exam("test", task.test)]
    return [Point("split_category", {"labels": "old"}, taught(subset(load_task("tickets"), N, 0)), exams),
            Point("split_category", {"labels": "new"}, taught(plain), exams)]


def new_task() -> LabelTask:
    """Return the tickets with `delivery` divided into `transport` and `contents`."""
    with (DATA / "tickets" / "delivery_split.csv").open(encoding="utf-8") as file:
        divided = {row["id"]: row["label"] for row in csv.DictReader(file)}
    task = load_task("tickets")
    categories = {name: line for name, line in task.fields["category"].items() if name != "delivery"}
    new = LabelTask("tickets, split", task.fields | {"category": {
        "transport": "an order on its way: late, lost, tracking, address, courier, slots, collection",
        "contents": "the order came, and what is in it is not what was ordered", **categories}}, task.headline)
    for split in ("train", "validation", "test"):
        setattr(new, split, [_relabelled(one, divided, new) for one in getattr(task, split)])
    return new


def _relabelled(one: Example, divided: dict[str, str], task: LabelTask) -> Example:
    category = divided.get(one.id, one.expected["category"])
    return Example(one.id, one.input, one.expected | {"category": category}, one.tags, task)


# ---------------------------------------------------------------- three later months

def drift() -> list[Point]:
    """Ask the model tuned on all tickets about three later months; then train anew with the months before each."""
    task = load_task("tickets")
    months = later(task)
    every = subset(task, len(task.train), 0)
    known = [one for month in months.values() for one in month]
    points = [Point("drift", {"months taken in": 0}, taught(every), [_exam("later", known)])]
    for taken, month in enumerate(list(months.values())[1:], 1):
        before = [one for found in list(months.values())[:taken] for one in found]
        points.append(Point("drift", {"months taken in": taken}, taught([*every, *before]), [_exam("later", month)]))
    return points


def later(task: LabelTask) -> dict[str, list[Example]]:
    """Return the tickets of three months after launch, by month. Example: later(task)["2026-12"][0].input"""
    found = [Example(row["id"], row["input"], row["expected"], row["tags"], task)
             for row in rows.from_jsonl(DATA / "tickets" / "later.jsonl")]
    return {month: [one for one in found if one.tags["month"] == month]
            for month in sorted({one.tags["month"] for one in found})}


# ---------------------------------------------------------------- format, or reasoning?

def two_conditions() -> list[Point]:
    """Learn one field by itself: the category, which a text shows, and the priority, which takes two conditions."""
    task = load_task("tickets")
    plain = subset(task, N, 0)
    return [Point("two_conditions", {"field": field}, taught(plain, field),
                  [Exam("test", [Asked(one.id, short(one.input), partial(_names, one, field)) for one in task.test])])
            for field in task.fields]


def _names(one: Example, field: str, reply: str) -> Score:
    """Mark a reply that should name a field's label, and nothing else."""
    said = reply.strip()
    return Score(said in one.task.fields[field], said == one.expected[field])


# ---------------------------------------------------------------- what else it could

def forgetting() -> list[Point]:
    """Ask easy questions of general sense before training on tickets and after, by how much was trained."""
    task = load_task("tickets")
    questions: list[Question] = MEASURES["general questions"]([], None)
    exam = Exam("general", [Asked(one.id, one.messages, partial(_chooses, one)) for one in questions], 16)
    return [Point("forgetting", {"n": n, "epochs": epochs}, taught(subset(task, n, 0)) if n else [], [exam],
                  Hyperparameters(n_epochs=epochs))
            for n, epochs in [(0, 3), (25, 3), (100, 3), (200, 3), (200, 10), (600, 3)]]


def _chooses(question: Question, reply: str) -> Score:
    """Mark a reply that should be one of the choices."""
    said = reply.strip().rstrip(".").lower()
    return Score(said in [choice.lower() for choice in question.allowed], said == str(question.expected).lower())
