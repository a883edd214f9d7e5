"""The probe tells providers apart that speak the same API and behave differently."""
from __future__ import annotations

import json

import pytest
from openai import APIConnectionError, InternalServerError, OpenAI

from helpers.provider.capabilities import IGNORED, KNOWN, NO, REFUSED, YES, known, probe
from tests.talking import MODEL, answer, refusal, vectors


def server(*, obeys_schema: bool = True, logprobs: bool = True, thinks: bool = False, embeds: bool = True,
           tunes: bool = False, waits: bool = False, refuses: tuple[str, ...] = ()):
    """A provider that behaves so."""
    def handler(method, path, headers, body):
        if path.startswith("/v1/embeddings"):
            return vectors([1.0, 0.0]) if embeds else refusal(404)
        if path.startswith("/v1/fine_tuning"):
            return (200, {}, {"object": "list", "data": [], "has_more": False}) if tunes else refusal(404)
        if path.startswith("/v1/batches"):
            return (200, {}, {"object": "list", "data": [], "has_more": False}) if waits else refusal(404)
        asked = json.loads(body)
        if refused := next((name for name in refuses if name in asked), None):
            return refusal(400, f"unsupported: {refused}", param=refused)
        return chat(asked)

    def chat(asked):
        teal = "response_format" in asked and obeys_schema
        status, sent, reply = answer('{"colour": "teal"}' if teal else "Yes.")
        if asked.get("logprobs") and logprobs:
            reply["choices"][0]["logprobs"] = {"content": []}
        if thinks:
            reply["usage"]["completion_tokens_details"] = {"reasoning_tokens": 40}
        return status, sent, reply
    return handler


def found(loopback, **behaviour):
    with OpenAI(base_url=loopback(server(**behaviour)), api_key="k", max_retries=0) as client:
        return probe(client, MODEL)


@pytest.mark.parametrize("behaviour, field, finding", [
    ({}, "schema", YES), ({"obeys_schema": False}, "schema", IGNORED),
    ({"refuses": ("response_format",)}, "schema", REFUSED),
    ({}, "logprobs", YES), ({"logprobs": False}, "logprobs", IGNORED),
    ({"refuses": ("logprobs",)}, "logprobs", REFUSED),
    ({}, "seed", YES), ({"refuses": ("seed",)}, "seed", REFUSED),
    ({}, "temperature", YES), ({"refuses": ("temperature",)}, "temperature", REFUSED),
    ({}, "reasoning", NO), ({"thinks": True}, "reasoning", YES),
    ({}, "embeddings", YES), ({"embeds": False}, "embeddings", NO),
    ({}, "tuning", NO), ({"tunes": True}, "tuning", YES),
    ({}, "batches", NO), ({"waits": True}, "batches", YES)])
def test_each_behaviour_is_found_out(loopback, behaviour, field, finding):
    assert getattr(found(loopback, **behaviour), field) == finding


def test_a_provider_that_answers_nothing_is_no_finding(loopback):
    with (OpenAI(base_url=loopback(lambda *asked: refusal(500)), api_key="k", max_retries=0) as client,
          pytest.raises(InternalServerError)):
        probe(client, MODEL)


def test_a_provider_that_is_not_there_is_no_finding():
    with (OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0) as client,
          pytest.raises(APIConnectionError)):
        probe(client, MODEL)


def test_the_table_has_a_row_for_each_kind_and_a_column_for_each_question():
    assert list(known().index) == list(KNOWN)
    assert list(known().columns) == ["schema", "logprobs", "seed", "temperature", "reasoning", "tuning", "batches",
                                     "embeddings"]


@pytest.mark.live
def test_the_embedded_model_is_what_the_table_says(live_client, live_service):
    from helpers.local.weights import DEFAULT_CHAT_MODEL, MINILM
    assert probe(live_client, DEFAULT_CHAT_MODEL, embedding_model=MINILM.name) == KNOWN["embedded"]
