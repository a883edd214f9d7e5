"""Baselines: answers without a language model, on the same footing as any other."""
from __future__ import annotations

import json

import pytest

from helpers import baselines
from helpers.evaluation import evaluate
from helpers.tasks import Example, LabelTask
from tests.talking import connected, mini_task, vectors

TASK = LabelTask("mini", {"category": {"delivery": "", "billing": ""}}, "category")
TRAIN = [("where is my parcel", "delivery"), ("the parcel came late", "delivery"),
         ("no parcel yet", "delivery"), ("wrong amount on the invoice", "billing"),
         ("charged twice on my invoice", "billing")]
TEST = [("my parcel is missing", "delivery"), ("this invoice is wrong", "billing")]


def made(rows: list[tuple[str, str]]) -> list[Example]:
    return [Example(f"e{i}", text, label, {}, TASK) for i, (text, label) in enumerate(rows)]


def word_vectors(method: str, path: str, headers: dict, body: bytes) -> tuple:
    """Embed a text as how often it says parcel and invoice: near texts are near."""
    texts = json.loads(body)["input"]
    return vectors(*[[text.count("parcel"), text.count("invoice"), 0.1] for text in texts])


@pytest.fixture
def embeddings(loopback, monkeypatch) -> None:
    connected(monkeypatch, loopback(word_vectors), COURSE_EMBEDDINGS="e")


def test_the_majority_answers_the_most_common_label_to_everything():
    run = evaluate(baselines.majority(made(TRAIN)), made(TEST))
    assert run.rows.reply.to_list() == ["delivery", "delivery"]


@pytest.mark.parametrize(("text", "label"), [
    ("I was CHARGED twice", "billing"), ("where is the van", "delivery"), ("invoice for the van", "billing"),
    ("hello", "other")])
def test_keywords_answer_the_first_label_with_a_word_in_the_text(text, label):
    ask = baselines.keywords({"billing": ["charged", "invoice"], "delivery": ["van"]}, otherwise="other")
    assert ask(Example("e", text, None)) == label


def test_tfidf_learns_from_words():
    assert evaluate(baselines.tfidf(made(TRAIN)), made(TEST)).accuracy == 1.0


def three_nearest(train: list[Example]):
    return baselines.nearest(train, k=3)


@pytest.mark.parametrize("method", [baselines.embedding_regression, three_nearest])
def test_embeddings_bring_near_texts_to_one_label(embeddings, method):
    assert evaluate(method(made(TRAIN)), made(TEST)).accuracy == 1.0


def test_the_nearest_vote_and_the_very_nearest_breaks_a_tie(embeddings):
    train = made([("invoice", "billing"), ("parcel", "delivery"), ("parcel parcel invoice", "delivery")])
    asked = Example("e", "invoice invoice", None, {}, TASK)
    assert baselines.nearest(train, k=1)(asked) == "billing"
    assert baselines.nearest(train, k=2)(asked) == "billing"
    assert baselines.nearest(train, k=3)(asked) == "delivery"


def test_baselines_answer_the_headline_field_of_an_answer_with_several():
    task = mini_task()
    train = [Example(f"e{i}", "text", {"category": "billing", "priority": "low"}, {}, task) for i in range(3)]
    assert baselines.majority(train)(train[0]) == "billing"


def test_a_baseline_costs_nothing():
    run = evaluate(baselines.tfidf(made(TRAIN)), made(TEST))
    assert (run.rows.cost.sum(), run.rows.prompt_tokens.sum(), run.failed) == (0, 0, 0)
