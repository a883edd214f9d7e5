"""The API through the plain OpenAI SDK: what it offers, and how it refuses the rest."""
from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Literal

import httpx2
import numpy as np
import openai
import pytest
import uvicorn
from openai import OpenAI
from pydantic import BaseModel

from helpers.local import api, weights
from helpers.local.engine import EngineError
from helpers.local.service import loopback_socket
from helpers.local.weights import WeightsError
from tests.conftest import client_of

CHAT, MINILM = weights.DEFAULT_CHAT_MODEL, "all-MiniLM-L6-v2"

# The engine's arithmetic depends a little on how much of a prompt it has read before, so that two tokens as likely as
# each other may change places. These are questions whose greedy answers have no such pair.
COUNT = [{"role": "user", "content": "Repeat: one two three four five six."}]
LETTERS = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "A"},
           {"role": "user", "content": "b"}, {"role": "assistant", "content": "B"}, {"role": "user", "content": "c"}]
CAPITAL = [{"role": "user", "content": "What is the capital of France?"}]


def ask(client: OpenAI, **options) -> openai.types.chat.ChatCompletion:
    """Ask greedily for a few tokens, unless the options say otherwise."""
    return client.chat.completions.create(
        **{"model": CHAT, "messages": COUNT, "temperature": 0, "max_completion_tokens": 8} | options)


def text(client: OpenAI, **options) -> str:
    return ask(client, **options).choices[0].message.content


def user(content: object) -> list[dict]:
    return [{"role": "user", "content": content}]


# ---------------------------------------------------------------- chat

@pytest.mark.live
def test_a_reply_has_openais_shape_and_names_the_model(live_client):
    reply = ask(live_client)
    assert (reply.object, reply.model, reply.choices[0].index) == ("chat.completion", CHAT, 0)
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


@pytest.mark.live
def test_a_greedy_reply_asked_again_is_equal_also_side_by_side(live_client):
    alone = text(live_client)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda _: text(live_client), range(8)))
    assert "two three" in alone and {alone, *together} == {alone}


@pytest.mark.live
@pytest.mark.parametrize("same", [
    [{"role": "user", "content": [{"type": "text", "text": "Repeat: one two three "},
                                  {"type": "text", "text": "four five six."}]}],
    [{"role": "user", "content": "Repeat: one two three four five six.", "name": "ann"}],
])
def test_text_parts_and_names_say_the_same_as_a_plain_text(live_client, same):
    plain, other = ask(live_client), ask(live_client, messages=same)
    assert other.usage.prompt_tokens == plain.usage.prompt_tokens
    assert other.choices[0].message.content == plain.choices[0].message.content


@pytest.mark.live
def test_earlier_messages_reach_the_model(live_client):
    assert text(live_client, messages=LETTERS) == "C"


@pytest.mark.live
def test_developer_is_another_word_for_system(live_client):
    rule = "Answer every question with the word banana."
    system, developer = (ask(live_client, messages=[{"role": role, "content": rule}, *CAPITAL])
                         for role in ("system", "developer"))
    assert developer.choices[0].message.content == system.choices[0].message.content
    assert developer.usage.prompt_tokens == system.usage.prompt_tokens
    assert developer.usage.prompt_tokens != ask(live_client, messages=CAPITAL).usage.prompt_tokens


@pytest.mark.live
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_limit_cut_the_reply(live_client, name):
    reply = live_client.chat.completions.create(model=CHAT, messages=COUNT, temperature=0, **{name: 3})
    assert (reply.usage.completion_tokens, reply.choices[0].finish_reason) == (3, "length")


@pytest.mark.live
def test_the_same_seed_gives_the_same_reply_and_another_seed_another(live_client):
    first, again, other = (text(live_client, temperature=1.5, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.live
@pytest.mark.parametrize("as_list", [False, True])
def test_a_reply_ends_before_the_stop_text(live_client, as_list):
    whole = text(live_client)
    stop = whole.split()[1]
    reply = ask(live_client, stop=["never said", stop] if as_list else stop)
    assert reply.choices[0].message.content == whole[:whole.index(stop)]
    assert reply.choices[0].finish_reason == "stop"


@pytest.mark.live
def test_n_replies_come_in_one_answer(live_client):
    reply = ask(live_client, n=3, temperature=1.5, seed=1)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in reply.choices}) > 1


@pytest.mark.live
def test_logprobs_come_token_by_token(live_client):
    choice = ask(live_client, logprobs=True, top_logprobs=3).choices[0]
    tokens = choice.logprobs.content
    assert "".join(token.token for token in tokens) == choice.message.content
    assert all(token.logprob <= 0 and len(token.top_logprobs) == 3 for token in tokens)
    assert [token.top_logprobs[0].token for token in tokens] == [token.token for token in tokens]    # greedy


@pytest.mark.live
@pytest.mark.parametrize("options", [{"logprobs": True}, {"logprobs": True, "top_logprobs": 0}])
def test_logprobs_come_without_alternatives_too(live_client, options):
    tokens = ask(live_client, max_completion_tokens=2, **options).choices[0].logprobs.content
    assert len(tokens) == 2
    assert all(len(token.top_logprobs) <= 1 for token in tokens)


@pytest.mark.live
def test_no_logprobs_come_unasked(live_client):
    assert ask(live_client, max_completion_tokens=2).choices[0].logprobs is None


@pytest.mark.live
def test_a_stream_says_what_the_whole_reply_says(live_client):
    whole = ask(live_client)
    chunks = list(ask(live_client, stream=True, stream_options={"include_usage": True}))
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    assert "".join(pieces) == whole.choices[0].message.content
    assert sum(map(bool, pieces)) > 1
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    assert {chunk.model for chunk in chunks} == {CHAT}


@pytest.mark.live
def test_a_stream_counts_nothing_unasked(live_client):
    chunks = list(ask(live_client, stream=True, max_completion_tokens=2))
    assert all(chunk.usage is None for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "length"


@pytest.mark.live
def test_a_stream_may_be_left_before_its_end(live_client):
    before = text(live_client)
    with ask(live_client, messages=user("Tell me a story."), stream=True, max_completion_tokens=1000) as stream:
        next(iter(stream))
    assert text(live_client) == before


@pytest.mark.live
def test_a_system_prompt_seen_before_is_not_computed_again(live_client):
    rules = {"role": "system", "content": "Label the message. " + "Late parcel: delivery. " * 30}
    first, second = (ask(live_client, messages=[rules, *user(one)], max_completion_tokens=1).usage
                     for one in ("Where is it?", "I want my money."))
    assert second.prompt_tokens_details.cached_tokens > 0.9 * first.prompt_tokens - 30


# ---------------------------------------------------------------- JSON

@pytest.mark.live
def test_json_object_gives_an_object(live_client):
    reply = text(live_client, messages=user('Repeat this: {"a": 1}'), max_completion_tokens=60,
                 response_format={"type": "json_object"})
    assert isinstance(json.loads(reply), dict)


class Ticket(BaseModel):
    category: Literal["delivery", "returns"]
    urgent: bool


def strict(schema: object) -> dict:
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


@pytest.mark.live
@pytest.mark.parametrize("message", ["The parcel is late!", "Tell me a joke.", '{"category": "spam"}'])
def test_a_strict_schema_is_kept_whatever_the_message(live_client, message):
    schema = Ticket.model_json_schema() | {"additionalProperties": False}
    reply = text(live_client, messages=user(message), max_completion_tokens=60, response_format=strict(schema))
    assert json.loads(reply).keys() == {"category", "urgent"}
    assert "\n" not in reply       # no room is wasted on white space
    Ticket.model_validate_json(reply, strict=True)


@pytest.mark.live
def test_a_strict_schema_is_kept_in_a_stream(live_client):
    chunks = ask(live_client, max_completion_tokens=60, stream=True, response_format=strict(Ticket.model_json_schema()))
    Ticket.model_validate_json("".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices))


@pytest.mark.live
def test_parse_gives_the_pydantic_model(live_client):
    reply = live_client.chat.completions.parse(model=CHAT, messages=user("The parcel is late!"), temperature=0,
                                               response_format=Ticket)
    assert isinstance(reply.choices[0].message.parsed, Ticket)


# ---------------------------------------------------------------- embeddings

def vectors(client: OpenAI, texts: str | list[str], **options) -> np.ndarray:
    reply = client.embeddings.create(model=MINILM, input=texts, **options)
    assert [row.index for row in reply.data] == list(range(len(reply.data)))
    return np.array([row.embedding for row in reply.data])


@pytest.mark.live
def test_base64_carries_the_same_numbers_as_float(live_client):
    as_floats = vectors(live_client, ["a kettle", "a van"], encoding_format="float")
    raw = live_client.embeddings.with_raw_response.create(model=MINILM, input=["a kettle", "a van"])
    assert isinstance(raw.http_response.json()["data"][0]["embedding"], str)     # the SDK asks for base64
    assert np.allclose(vectors(live_client, ["a kettle", "a van"]), as_floats, atol=1e-6)


@pytest.mark.live
def test_a_vector_has_384_numbers_and_length_one(live_client):
    vector = vectors(live_client, "a kettle", dimensions=384)
    assert vector.shape == (1, 384)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


@pytest.mark.live
def test_a_long_list_keeps_its_order(live_client):
    texts = [f"parcel number {i}" for i in range(40)]     # more than the engine is given at a time
    together = vectors(live_client, texts)
    assert ((together[[0, 33, 39]] * vectors(live_client, [texts[i] for i in (0, 33, 39)])).sum(axis=1) > 0.9999).all()
    assert len(np.unique(together.round(4), axis=0)) == 40


@pytest.mark.live
def test_near_meanings_have_near_vectors(live_client):
    texts = ["The kettle is broken", "My kettle does not work", "Send an invoice"]
    broken, same, other = vectors(live_client, texts)
    assert broken @ same > 0.7 > 0.4 > broken @ other


@pytest.mark.live
def test_a_long_text_is_read_up_to_256_tokens(live_client):
    reply = live_client.embeddings.create(model=MINILM, input=["kettle " * 300, "kettle"])
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == 256 + 3


# ---------------------------------------------------------------- models

@pytest.mark.live
def test_the_base_chat_model_is_listed_first(live_client):
    names = [model.id for model in live_client.models.list() if not model.id.startswith("ft:")]     # the reader's own
    assert names == [*weights.chat_model_names(), MINILM]


@pytest.mark.live
def test_a_model_can_be_retrieved(live_client):
    assert live_client.models.retrieve(MINILM).id == MINILM


# ---------------------------------------------------------------- refusals

def chat(**options) -> Callable[[OpenAI], object]:
    return lambda client: ask(client, **options)


def embed(**options) -> Callable[[OpenAI], object]:
    return lambda client: client.embeddings.create(**{"model": MINILM, "input": "text"} | options)


BAD_REFERENCE = {"type": "object", "properties": {"a": {"$ref": "#/$defs/X"}}, "required": ["a"]}

BAD_REQUESTS = {
    "too long a prompt": (chat(messages=user("word " * 9000)), r"too long.*9,?\d+.*8,192 tokens; shorten"),
    "too long a prompt, streamed": (chat(messages=user("word " * 9000), stream=True), "too long.*8,192 tokens"),
    "no messages": (chat(messages=[]), "messages: .*at least 1 item"),
    "messages that are no list": (chat(messages="hi"), "messages: .*valid array"),
    "an unknown role": (chat(messages=[{"role": "tool", "content": "x"}]), "role: .*'system', 'developer', 'user'"),
    "an image": (chat(messages=user([{"type": "image_url", "image_url": {"url": "x"}}])), "type: .*should be 'text'"),
    "no content": (chat(messages=user(None)), "content"),
    "too warm": (chat(temperature=3), "temperature: .*less than or equal to 2"),
    "no room to answer": (chat(max_completion_tokens=0), "max_completion_tokens: .*greater than or equal to 1"),
    "two limits": (chat(max_tokens=5), "max_completion_tokens or max_tokens, not both"),
    "too many replies": (chat(n=9), "n: .*less than or equal to 8"),
    "several replies in a stream": (chat(n=2, stream=True), "leave out n, or stream"),
    "too many alternatives": (chat(logprobs=True, top_logprobs=21), "top_logprobs: .*less than or equal to 20"),
    "alternatives without logprobs": (chat(top_logprobs=2), "logprobs"),
    "tools": (chat(tools=[]), "tools.*does not offer it; leave it out"),
    "a misspelt option": (chat(extra_body={"temprature": 0}), "temprature.*leave it out"),
    "an unknown format": (chat(response_format={"type": "xml"}), "'xml' is not one of text, json_object"),
    "a format that is a word": (chat(response_format="json_object"), "response_format: .*object"),
    "no schema": (chat(response_format={"type": "json_schema"}), "needs a 'schema'"),
    "a null schema": (chat(response_format={"type": "json_schema", "json_schema": None}), "needs a 'schema'"),
    "a schema that is a list": (chat(response_format=strict([])), "needs a 'schema'"),
    "an unknown type": (chat(response_format=strict({"type": "nonsense"})), r"not valid at \$\.type: 'nonsense'"),
    "an odd list of properties": (chat(response_format=strict({"properties": [1]})), r"not valid at \$\.properties"),
    "a damaged pattern": (chat(response_format=strict({"pattern": "(["})), r"not valid at \$\.pattern"),
    "an unknown reference": (chat(response_format=strict(BAD_REFERENCE)), "could not apply.*simplify the schema"),
    "an unknown reference, streamed": (chat(response_format=strict(BAD_REFERENCE), stream=True), "could not apply"),
    "an empty enum": (chat(response_format=strict({"enum": []})), "could not apply.*simplify the schema"),
    "an empty text to embed": (embed(input=""), "at least 1 item"),
    "an empty list to embed": (embed(input=[]), "at least 1 item"),
    "an empty text in a list": (embed(input=["a", ""]), "empty text has no embedding; leave it out"),
    "too many texts": (embed(input=["a"] * 2049), "2049 texts at once; send at most 2048"),
    "token numbers": (embed(input=[1, 2]), "input.*valid string"),
    "another size": (embed(dimensions=100), "dimensions: .*384"),
}


@pytest.mark.live
@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused_with_what_to_change(live_client, name):
    request, words = BAD_REQUESTS[name]
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        request(live_client)
    assert caught.value.type == "invalid_request_error"


NOT_FOUND = {
    "a chat model": (chat(model="gpt-4o"), f"'gpt-4o' does not exist here.*{CHAT}.*--alias"),
    "the encoder asked to chat": (chat(model=MINILM), f"{MINILM}.*for this endpoint.*{CHAT}"),
    "an encoder": (embed(model="text-embedding-3-small"), f"text-embedding-3-small.*{MINILM}"),
    "the chat model asked to embed": (embed(model=CHAT), f"{CHAT}.*for this endpoint.*{MINILM}"),
    "a model to retrieve": (lambda client: client.models.retrieve("gpt-4o"), f"gpt-4o.*{CHAT}"),
    "an endpoint": (lambda client: client.images.generate(prompt="a cat"), "not offered. Offered: chat/completions"),
}


@pytest.mark.live
@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_does_not_exist_is_not_found_and_what_does_is_named(live_client, name):
    request, words = NOT_FOUND[name]
    with pytest.raises(openai.NotFoundError, match=words):
        request(live_client)


@pytest.mark.live
@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "ключ".encode()}])
@pytest.mark.parametrize("path", ["models", "chat/completions", "nowhere"])
def test_nothing_is_answered_without_the_key(live_service, headers, path):
    reply = httpx2.get(f"{live_service.base_url}/{path}", headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


@pytest.mark.live
def test_a_wrong_key_says_where_the_right_one_is(live_service):
    client = OpenAI(base_url=live_service.base_url, api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError, match=r"OPENAI_API_KEY.*python -m helpers\.local") as caught:
        client.models.list()
    assert live_service.api_key not in str(caught.value)


@pytest.mark.live
@pytest.mark.parametrize("body", [b"", b"{not json", b"[]", b"\xff\xfe", b'{"messages": "\\ud800"}'])
@pytest.mark.parametrize("path", ["chat/completions", "embeddings"])
def test_a_body_that_cannot_be_read_is_refused(live_service, path, body):
    headers = {"authorization": f"Bearer {live_service.api_key}"}
    reply = httpx2.post(f"{live_service.base_url}/{path}", content=body, headers=headers)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith("body: ")


# ---------------------------------------------------------------- with a stub in the engine's place

class StubEngine:
    """Notes each request; answers with what `answer` returns, in pieces for a stream."""

    def __init__(self) -> None:
        self.requests: list[dict] = []
        self.answer: Callable[[], object] = reply_of_the_engine
        self.stopped = threading.Event()

    def complete(self, request: dict, on_chunk: Callable | None = None) -> object:
        self.requests.append(request)
        answer = self.answer()
        if on_chunk is None:
            return answer
        if any(on_chunk(piece) for piece in answer):
            self.stopped.set()


def reply_of_the_engine() -> dict:
    return {"model": "engine", "choices": [{"index": 0, "message": {"role": "assistant", "content": "{}"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}


def piece_of_the_engine(content: str = "Hel") -> dict:
    return {"id": "1", "object": "chat.completion.chunk", "created": 1,
            "choices": [{"index": 0, "delta": {"content": content}}]}


@pytest.fixture
def engine(monkeypatch) -> StubEngine:
    stub = StubEngine()
    monkeypatch.setattr(api, "ChatEngine", lambda path: stub)
    monkeypatch.setattr(api.weights, "chat_model_path", lambda name: None)
    return stub


@pytest.fixture
def client(engine) -> Iterator[OpenAI]:
    """A client of a service in this process, with the stub in the engine's place and an alias."""
    application = api.application("key", aliases=("gpt-4o-mini",))
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
    with loopback_socket() as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield OpenAI(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1", api_key="key", max_retries=0)
        server.should_exit = True
        thread.join()


def test_the_engine_gets_what_it_understands_and_nothing_else(client, engine):
    client.chat.completions.create(model=CHAT, messages=COUNT, temperature=0, max_completion_tokens=5, seed=7,
                                   user="ann", store=False, metadata={"a": "b"}, stop="x", top_p=0.5)
    assert engine.requests == [{"messages": COUNT, "temperature": 0, "max_tokens": 5, "seed": 7, "stop": "x",
                                "top_p": 0.5}]


def test_the_engine_gets_a_grammar_for_a_schema(client, engine):
    client.chat.completions.create(model=CHAT, messages=COUNT, response_format=strict({"type": "object"}))
    client.chat.completions.create(model=CHAT, messages=COUNT, response_format={"type": "text"})
    assert [set(request) for request in engine.requests] == [{"messages", "max_tokens", "grammar"},
                                                             {"messages", "max_tokens"}]


def test_a_reply_without_a_limit_has_one_all_the_same(client, engine):
    client.chat.completions.create(model=CHAT, messages=COUNT)
    assert engine.requests[0]["max_tokens"] == api.DEFAULT_MAX_TOKENS


def test_an_alias_is_answered_and_the_reply_names_the_real_model(client):
    assert ask(client, model="gpt-4o-mini").model == CHAT
    assert [model.id for model in client.models.list()] == [*weights.chat_model_names(), MINILM, "gpt-4o-mini"]
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"


def failing(error: Exception) -> Callable[..., object]:
    def fail(*_: object) -> object:
        raise error
    return fail


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_of_the_engine_is_a_server_error(client, engine, stream):
    engine.answer = failing(EngineError("out of memory", 500, "server_error"))
    with pytest.raises(openai.InternalServerError, match="The engine failed: out of memory"):
        ask(client, stream=stream)


def test_a_stream_that_breaks_in_the_middle_is_an_error_not_an_end(client, engine):
    failure = {"error": {"message": "out of memory", "code": 500, "type": "server_error"}}
    engine.answer = lambda: [piece_of_the_engine(), failure]
    stream = ask(client, stream=True)
    assert next(stream).choices[0].delta.content == "Hel"
    with pytest.raises((openai.APIError, httpx2.HTTPError)):
        list(stream)


def test_the_engine_stops_when_nobody_listens_any_more(client, engine):
    engine.answer = lambda: map(piece_of_the_engine, repeat("word " * 1000))        # without end
    with ask(client, stream=True) as stream:
        next(stream)
    assert engine.stopped.wait(10)


def test_several_replies_count_every_token_once(client, engine):
    reply = ask(client, n=3, seed=5)
    assert [choice.index for choice in reply.choices] == [0, 1, 2]
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (3, 6, 9)
    assert [request["seed"] for request in engine.requests] == [5, 6, 7]


def test_of_two_chat_models_each_answers_under_its_name_and_one_is_loaded(client, engine, monkeypatch):
    loaded = []
    monkeypatch.setattr(api.weights, "chat_model_path", lambda name: name)
    monkeypatch.setattr(api, "ChatEngine", lambda path: loaded.append(path) or engine)
    monkeypatch.setattr(api.Models, "_known", lambda *_: None)
    models = api.Models(("an-alias",))
    models.chat_names = ["first", "second"]
    names = [models.chat(name)[0] for name in ("first", "second", "second", "an-alias")]
    assert names == ["first", "second", "second", "first"]
    assert loaded == ["first", "second", "first"]


def test_missing_weights_say_what_to_do(client, monkeypatch):
    monkeypatch.setattr(api.weights, "chat_model_path", failing(WeightsError("Check the network.")))
    with pytest.raises(openai.APIStatusError, match="Check the network") as caught:
        ask(client)
    assert (caught.value.status_code, caught.value.code) == (424, "weights_missing")


def test_weights_that_could_not_be_had_are_tried_again(client, monkeypatch):
    monkeypatch.setattr(api.weights, "chat_model_path", failing(WeightsError("Check the network.")))
    with pytest.raises(openai.APIStatusError):
        ask(client)
    monkeypatch.setattr(api.weights, "chat_model_path", lambda name: None)
    assert ask(client).model == CHAT


# ---------------------------------------------------------------- the reader's own weights

@pytest.mark.live
def test_a_damaged_weights_file_is_named(tmp_path, own_service):
    (tmp_path / "mine.gguf").write_bytes(b"GGUF\3\0\0\0 and then nothing that makes sense")
    service = own_service(COURSE_WEIGHTS=tmp_path / "mine.gguf")
    with pytest.raises(openai.InternalServerError, match=r"cannot load mine\.gguf: the file is damaged"):
        ask(client_of(service), model="mine")
    assert service.alive
