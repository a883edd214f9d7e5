"""Batches through the plain OpenAI SDK, as ordinary code uses them."""
from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import openai
import pytest
from openai import OpenAI

from helpers.local import api, batches, weights
from tests.conftest import client_of, with_weights
from tests.tuning_service import Echo, pretending_service

CHAT = weights.DEFAULT_CHAT_MODEL
ENDPOINT = "/v1/chat/completions"


@pytest.fixture
def service(monkeypatch, tmp_path) -> Iterator[SimpleNamespace]:
    """A service in this process, which only pretends to answer."""
    with pretending_service(monkeypatch, tmp_path) as started:
        yield started


@pytest.fixture
def client(service) -> OpenAI:
    return OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0)


def lines(*texts: str, model: str = CHAT, **options: object) -> bytes:
    rows = [{"custom_id": f"row-{i}", "method": "POST", "url": ENDPOINT,
             "body": {"model": model, "messages": [{"role": "user", "content": text}], **options}}
            for i, text in enumerate(texts)]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def create(client: OpenAI, content: bytes, **options: object) -> openai.types.Batch:
    file = client.files.create(file=("requests.jsonl", content), purpose="batch")
    return client.batches.create(**{"input_file_id": file.id, "endpoint": ENDPOINT,
                                    "completion_window": "24h"} | options)


def polled(client: OpenAI, name: str) -> openai.types.Batch:
    """The loop of every tutorial."""
    while (seen := client.batches.retrieve(name)).status not in batches.ENDED:
        time.sleep(0.05)
    return seen


def read(client: OpenAI, file: str) -> dict[str, dict]:
    rows = map(json.loads, client.files.content(file).text.splitlines())
    return {row["custom_id"]: row["response"] for row in rows}


# ---------------------------------------------------------------- the whole way

def test_ordinary_code_has_a_file_of_requests_answered(client):
    made = create(client, lines("one", "two"), metadata={"for": "a test"})
    assert (made.object, made.endpoint, made.metadata) == ("batch", ENDPOINT, {"for": "a test"})
    done = polled(client, made.id)
    assert (done.status, done.errors, done.error_file_id) == ("completed", None, None)
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (2, 2, 0)
    answers = read(client, done.output_file_id)
    assert {answer["status_code"] for answer in answers.values()} == {200} and list(answers) == ["row-0", "row-1"]
    assert answers["row-0"]["body"]["model"] == CHAT
    assert client.files.retrieve(done.output_file_id).purpose == "batch_output"


def test_a_request_is_refused_as_the_ordinary_endpoint_refuses_it(client):
    bad = lines("one", tools=[])
    done = polled(client, create(client, bad).id)
    with pytest.raises(openai.BadRequestError) as alone:
        client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": "one"}], tools=[])
    [refused] = read(client, done.error_file_id).values()
    assert (done.status, done.request_counts.failed, refused["status_code"]) == ("completed", 1, 400)
    assert refused["body"]["error"] == alone.value.body
    unknown = polled(client, create(client, lines("one", model="no-such")).id)
    assert read(client, unknown.error_file_id)["row-0"]["status_code"] == 404


def test_an_engine_that_fails_costs_its_line_only(client, monkeypatch):
    class Moody(Echo):
        def complete(self, request: dict, on_chunk: object = None) -> dict:
            if request["messages"][-1]["content"] == "two":
                raise RuntimeError("out of sorts")
            return super().complete(request, on_chunk)
    monkeypatch.setattr(api, "ChatEngine", Moody)
    done = polled(client, create(client, lines("one", "two", "three")).id)
    assert list(read(client, done.output_file_id)) == ["row-0", "row-2"]
    failed = read(client, done.error_file_id)["row-1"]
    assert failed["status_code"] == 500 and "RuntimeError: out of sorts" in json.dumps(failed["body"])


def test_batches_are_listed_the_newest_first_page_by_page(client):
    made = [create(client, lines(text)).id for text in ("a", "b", "c")]
    assert [batch.id for batch in client.batches.list(limit=2)] == made[::-1]


def test_a_faulty_file_fails_with_its_lines(client):
    done = create(client, lines("one") + b"{oops\n")
    assert (done.status, done.errors.data[0].line, done.errors.data[0].code) == ("failed", 2, "invalid_json_line")


# ---------------------------------------------------------------- cancelled, and gone on with

class Slow(Echo):
    """Answers one request after the other is let go."""

    go = threading.Semaphore(0)

    def complete(self, request: dict, on_chunk: object = None) -> dict:
        self.go.acquire(timeout=20)
        return super().complete(request, on_chunk)


@pytest.fixture
def slow(monkeypatch) -> type[Slow]:
    monkeypatch.setattr(Slow, "go", threading.Semaphore(0))
    monkeypatch.setattr(api, "ChatEngine", Slow)
    return Slow


def test_a_batch_at_work_is_cancelled_and_what_is_answered_can_be_read(client, slow):
    made = create(client, lines(*"abcdef"))
    slow.go.release()
    while not client.batches.retrieve(made.id).request_counts.completed:
        time.sleep(0.05)
    assert client.batches.cancel(made.id).status == "cancelling"
    slow.go.release()
    done = polled(client, made.id)
    assert done.status == "cancelled" and 1 <= len(read(client, done.output_file_id)) <= 2
    with pytest.raises(openai.BadRequestError, match="has ended already: cancelled"):
        client.batches.cancel(made.id)


def test_a_batch_left_by_a_service_that_ended_goes_on_when_somebody_looks(client):
    file = client.files.create(file=("requests.jsonl", lines("one")), purpose="batch")
    left = batches.create(file.id, ENDPOINT)        # as after a kill: on disk, and no thread at work
    assert polled(client, left.id).status == "completed"


# ---------------------------------------------------------------- refusals

REFUSED = {
    "another endpoint": ({"endpoint": "/v1/responses"}, "endpoint: .*'/v1/chat/completions' or '/v1/embeddings'"),
    "another window": ({"completion_window": "1h"}, "completion_window: .*'24h'"),
    "no such file": ({"input_file_id": "file-1"}, "There is no file 'file-1'"),
    "something unknown": ({"extra_body": {"priority": 1}}, "priority.*leave it out"),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_with_what_to_change(client, options, words):
    with pytest.raises(openai.BadRequestError, match=words):
        create(client, lines("one"), **options)


def test_a_batch_that_is_not_there(client):
    with pytest.raises(openai.NotFoundError, match="There is no batch 'batch_1'"):
        client.batches.retrieve("batch_1")


# ---------------------------------------------------------------- the real model

@pytest.mark.live
def test_the_model_answers_in_a_batch_as_it_does_alone(own_service, tmp_path):
    client = client_of(own_service(COURSE_CACHE=with_weights(tmp_path / "own")))
    texts = ["Repeat: one two three.", "What is the capital of France?"]
    done = polled(client, create(client, lines(*texts, temperature=0, max_completion_tokens=8)).id)
    for text, answer in zip(texts, read(client, done.output_file_id).values(), strict=True):
        alone = client.chat.completions.create(model=CHAT, messages=[{"role": "user", "content": text}],
                                               temperature=0, max_completion_tokens=8)
        assert answer["body"]["choices"][0]["message"]["content"] == alone.choices[0].message.content
