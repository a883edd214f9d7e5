"""connect, embed, answering: a plain client for every provider."""
from __future__ import annotations

import json

import numpy as np
import openai
import pytest

import helpers
from helpers import provider
from helpers.local import service
from helpers.local.weights import DEFAULT_CHAT_MODEL
from helpers.provider.budget import OverBudget
from helpers.settings import SettingError, store_folder
from tests.talking import (
    MODEL,
    always,
    answer,
    connected,
    models,
    new_process,
    question,
    refusal,
    say,
    vectors,
)


def lengths(method: str, path: str, headers: dict, body: bytes) -> tuple:
    """Embed each text as (its length, 1, 0)."""
    return vectors(*[[len(text), 1.0, 0.0] for text in json.loads(body)["input"]])


def no_service(*_: object):
    raise AssertionError("the embedded service was started")


# ---------------------------------------------------------------- connect

def test_connect_returns_a_plain_client_and_starts_nothing(monkeypatch):
    monkeypatch.setattr(service, "start", no_service)
    client, model = helpers.connect()
    assert (type(client), model) == (openai.OpenAI, DEFAULT_CHAT_MODEL)


def test_connect_by_name_asks_the_embedded_model_though_a_server_is_named(loopback, monkeypatch):
    connected(monkeypatch, loopback(always(answer("billing"))))
    client, model = helpers.connect("smollm2-135m")
    assert (client.base_url.host, model) == ("embedded.localhost", "smollm2-135m")


def test_connect_reaches_the_server_that_was_named_with_its_key(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer("billing"))), OPENAI_API_KEY="sk-of-the-server")
    assert (helpers.connect()[1], say(client)) == (MODEL, "billing")
    [asked] = loopback.requests
    assert (asked.path, asked.headers["authorization"]) == ("/v1/chat/completions", "Bearer sk-of-the-server")
    assert asked.json == {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}


def test_what_is_neither_chat_nor_embeddings_passes_through_unrecorded(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(models("a", "b"))))
    assert [[model.id for model in client.models.list().data] for _ in "12"] == [["a", "b"]] * 2
    assert loopback.count == 2 and not store_folder().exists()


def test_a_hosted_model_without_a_key_sends_nothing(monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "gpt-6-luna")
    with pytest.raises(SettingError, match="OPENAI_API_KEY is empty"):
        helpers.connect()


def test_a_replayed_reply_reads_like_a_live_one(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer("billing", prompt=7, completion=3))))
    live = client.chat.completions.create(model=MODEL, messages=question())
    again = new_process(monkeypatch).chat.completions.create(model=MODEL, messages=question())
    assert again.choices == live.choices and again.usage == live.usage and again.model == live.model
    assert (again.object, again.id[:9], loopback.count) == ("chat.completion", "replayed-", 1)


# ---------------------------------------------------------------- answering

def test_answering_says_who_and_what_it_costs(monkeypatch):
    assert helpers.answering().startswith(f"{DEFAULT_CHAT_MODEL}, on this machine, free")
    for name, value in {"COURSE_MODEL": "gpt-6-luna", "OPENAI_API_KEY": "sk-planted-0123456789"}.items():
        monkeypatch.setenv(name, value)
    assert helpers.answering().startswith("gpt-6-luna, at api.openai.com, budget $1.00")


# ---------------------------------------------------------------- embed

def test_embed_returns_a_row_of_length_one_for_each_text_in_order(loopback, monkeypatch):
    connected(monkeypatch, loopback(lengths), COURSE_EMBEDDINGS="e")
    rows = helpers.embed(["a", "bbb"])
    assert rows.dtype == np.float32
    assert rows == pytest.approx(np.array([[1, 1, 0], [3, 1, 0]]) / np.sqrt([[2], [10]]))


def test_many_texts_are_asked_in_pages_and_replayed(loopback, monkeypatch):
    connected(monkeypatch, loopback(lengths), COURSE_EMBEDDINGS="e")
    texts = ["x" * (i % 7 + 1) for i in range(600)]
    first = helpers.embed(texts)
    new_process(monkeypatch)
    assert (first == helpers.embed(texts)).all() and first.shape == (600, 3)
    assert [len(asked.json["input"]) for asked in loopback.requests] == [256, 256, 88]
    assert {(asked.path, asked.json["model"]) for asked in loopback.requests} == {("/v1/embeddings", "e")}


def test_embeddings_stay_on_this_machine_though_another_model_answers(loopback, monkeypatch):
    connected(monkeypatch, loopback(always(refusal(500))))
    asked = []
    monkeypatch.setattr(provider, "client_for", lambda target: asked.append(target) or stop())
    with pytest.raises(ZeroDivisionError):
        helpers.embed(["a"])
    assert asked[0].embedded and loopback.count == 0


def stop():
    raise ZeroDivisionError


def test_embeddings_that_cost_are_held_to_the_budget(loopback, monkeypatch):
    connected(monkeypatch, loopback(lengths), COURSE_EMBEDDINGS="e", COURSE_PRICE="1000,0",
              COURSE_BUDGET="0.01")
    with pytest.raises(OverBudget):
        helpers.embed(["a" * 1000])
    assert loopback.count == 0


# ---------------------------------------------------------------- the real thing

@pytest.mark.live
def test_the_embedded_model_answers_is_recorded_and_replayed_without_it(monkeypatch, live_service):
    monkeypatch.setattr(service, "running", lambda: live_service)
    live = say(new_process(monkeypatch), model=DEFAULT_CHAT_MODEL, max_completion_tokens=8, temperature=0)
    monkeypatch.setattr(service, "running", no_service)
    again = say(new_process(monkeypatch), model=DEFAULT_CHAT_MODEL, max_completion_tokens=8, temperature=0)
    assert live and again == live


@pytest.mark.live
def test_what_the_embedded_model_refuses_is_recorded_and_refused_again_without_it(monkeypatch, live_service):
    monkeypatch.setattr(service, "running", lambda: live_service)
    client, model = new_process(monkeypatch), DEFAULT_CHAT_MODEL
    too_long = {"model": model, "messages": [{"role": "user", "content": "page " * 9_000}], "max_completion_tokens": 4}
    with pytest.raises(openai.BadRequestError) as first:
        client.chat.completions.create(**too_long)
    monkeypatch.setattr(service, "running", no_service)
    with pytest.raises(openai.BadRequestError) as again:
        new_process(monkeypatch).chat.completions.create(**too_long)
    assert again.value.message == first.value.message
    assert again.value.code == first.value.code == "context_length_exceeded"


@pytest.mark.live
def test_the_embedded_vectors_have_length_one_and_likeness(monkeypatch, live_service):
    monkeypatch.setattr(service, "running", lambda: live_service)
    new_process(monkeypatch)
    texts = ["Where is my parcel?", "My package has not arrived.", "I baked a cake."]
    parcel, package, cake = helpers.embed(texts)
    assert parcel.shape == (384,) and parcel @ parcel == pytest.approx(1, abs=1e-5)
    assert parcel @ package > parcel @ cake + 0.2

