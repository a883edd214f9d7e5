"""Facts or form: does training put a handbook into the weights, and what does that do to what it was not taught?

    facts_or_form() -> points: the model as it is; tuned on 110 questions with their answers; tuned anew, ten changed

Every question is asked without a page and with three retrieved passages. Exams are named "shown, no page" and so on.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from helpers import prompts
from helpers.documents import Document, read_folder
from helpers.experiments.points import Exam, Point, exam_of
from helpers.finetuning import conversation
from helpers.local.jobs import Hyperparameters
from helpers.retrieval import Index
from helpers.tasks import DATA, AnswerTask, Example, load_task

EPOCHS = 10         # three epochs, the usual number, leave hardly a fact behind
NEVER_SHOWN = 40    # of the 150 questions that one passage answers
PASSAGES = 3

HANDBOOK = DATA / "handbook"


def facts_or_form() -> list[Point]:
    """Return the three runs."""
    task = load_task("handbook")
    shown, unseen = divided(task)
    taught = [_taught(one) for one in shown]
    taught_anew = [_taught(one) for one in with_changes(shown)]
    exams = [exam for asked in _questions(task, shown, unseen) for exam in _both(*asked)]
    without = [exam for exam in exams if exam.name in ("shown, no page", "changed, no page")]
    settings = Hyperparameters(n_epochs=EPOCHS)
    return [Point("facts_or_form", {"model": "as it is"}, [], exams),
            Point("facts_or_form", {"model": "tuned"}, taught, exams, settings),
            Point("facts_or_form", {"model": "tuned anew"}, taught_anew, without, settings)]


def divided(task: AnswerTask) -> tuple[list[Example], list[Example]]:
    """Return the questions that are taught, those with a paraphrase first, and those that never are."""
    single = [one for one in task.validation + task.test if one.tags["kind"] == "single"]
    paraphrased = paraphrases()
    told  = [one for one in single if one.id in paraphrased]
    other = [one for one in single if one.id not in paraphrased]
    other = Random(0).sample(other, len(other))
    return told + other[NEVER_SHOWN:], other[:NEVER_SHOWN]


def paraphrases() -> dict[str, str]:
    """Return the other wording of 60 questions, by their ids."""
    return {row["id"]: row["paraphrase"] for row in _rows("paraphrases.jsonl")}


def changes() -> dict[str, dict]:
    """Return ten facts that change: on which page, from what to what, by the ids of their questions."""
    return {row["id"]: row for row in _rows("changes.jsonl")}


def with_changes(examples: Sequence[Example]) -> list[Example]:
    """Return the questions with the answers that are right after the change."""
    new = changes()
    return [replace(one, expected=new[one.id]["expected"], tags=one.tags | {"variants": new[one.id]["variants"]})
            if one.id in new else one for one in examples]


def changed_pages(pages: Sequence[Document]) -> list[Document]:
    """Return the pages with the ten facts changed, each where its question's answer stands."""
    task, texts = load_task("handbook"), {page.source: page.text for page in pages}
    asked = {one.id: one for one in task.validation + task.test}
    spots = [(change, gold) for change in changes().values() for gold in asked[change["id"]].tags["gold"]]
    for change, gold in sorted(spots, key=lambda spot: -spot[1]["start"]):      # from behind: places stay what they are
        source, start, end = f"{change['page']}.md", gold["start"], gold["end"]
        there = texts[source][start:end].replace(change["old"], change["new"])
        texts[source] = texts[source][:start] + there + texts[source][end:]
    return [replace(page, text=texts[page.source]) for page in pages]


# ---------------------------------------------------------------- what is asked

def _questions(task: AnswerTask, shown: list[Example], unseen: list[Example]
               ) -> list[tuple[str, list[Example], Sequence[Document]]]:
    """Return each exam's name, its questions, and the pages in which passages are looked up."""
    pages, other = read_folder(HANDBOOK / "pages"), paraphrases()
    in_other_words = [replace(one, input=other[one.id]) for one in shown if one.id in other]
    changed = [one for one in with_changes(shown) if one.id in changes()]
    unanswerable = [one for one in task.validation + task.test if one.tags["kind"] == "unanswerable"]
    return [("shown", [one for one in shown if one.id in other], pages), ("in other words", in_other_words, pages),
            ("never shown", unseen, pages), ("unanswerable", unanswerable, pages),
            ("changed", changed, changed_pages(pages))]


def _both(name: str, questions: list[Example], pages: Sequence[Document]) -> list[Exam]:
    index = Index.of(pages)
    ways: dict[str, Callable[[Example], list[dict]]] = {
        "no page": lambda one: prompts.without_pages(one.input),
        f"{PASSAGES} passages": lambda one: prompts.from_passages(one.input, index.search(one.input, PASSAGES))}
    return [exam_of(f"{name}, {way}", questions, messages, limit=40) for way, messages in ways.items()]


def _taught(one: Example) -> dict:
    return conversation(prompts.without_pages(one.input), one.expected)


def _rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (HANDBOOK / name).read_text(encoding="utf-8").splitlines()]
