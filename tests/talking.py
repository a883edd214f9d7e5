"""What the tests say to a loopback server, and what it says back: replies, refusals, streams.

    client = connected(monkeypatch, loopback(in_turn(refusal(500), answer("billing"))))
"""
from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from openai import OpenAI, Stream, _base_client

from helpers import provider, settings
from helpers.evaluation import Ask
from helpers.provider.shelves import Shelves
from helpers.tasks import Example, LabelTask

MODEL = "loop-1"
LABELS = ("delivery", "billing")


# ---------------------------------------------------------------- what a server says

def answer(text: str | None = "delivery", *, prompt: int = 10, completion: int = 2,
           reason: str = "stop") -> tuple:
    """A chat completion, as a handler returns it."""
    choice = {"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": text}}
    return 200, {}, {"id": "x", "object": "chat.completion", "created": 1, "model": MODEL,
                     "choices": [choice], "usage": used(prompt, completion)}


def used(prompt: int, completion: int) -> dict:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def models(*names: str) -> tuple:
    """A server's list of models."""
    rows = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in names]
    return 200, {}, {"object": "list", "data": rows}


def vectors(*rows: list[float]) -> tuple:
    """Embeddings, as plain lists of numbers."""
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    return 200, {}, {"object": "list", "model": "e", "data": data, "usage": used(5, 0)}


def refusal(status: int, message: str = "no", *, after: str | None = None, param: str | None = None) -> tuple:
    """An error, in the shape OpenAI's SDK reads; `after` is its Retry-After header."""
    headers = {"retry-after": after} if after else {}
    return status, headers, {"error": {"message": message, "type": "test", "param": param, "code": None}}


def events(words: str, *, ending: bytes | str = b"data: [DONE]\n\n", usage: bool = True) -> tuple:
    """A chat completion as a stream, one event a word; `ending` may be loopback.CUT."""
    chunks = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in words.split(" ")]
    if usage:
        chunks.append({"choices": [], "usage": used(10, 2)})
    whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return 200, {"content-type": "text/event-stream"}, \
        [b"data: " + json.dumps(whole | chunk).encode() + b"\n\n" for chunk in chunks] + [ending]


def always(reply: tuple | str) -> Callable:
    """A handler that gives every request the same reply."""
    return in_turn(reply)


def in_turn(*replies: tuple | str) -> Callable:
    """A handler that gives one reply after the other, and the last for ever."""
    left, turn = list(replies), threading.Lock()

    def handler(method: str, path: str, headers: dict, body: bytes) -> tuple | str:
        with turn:
            return left.pop(0) if len(left) > 1 else left[0]
    return handler


def said_to(body: bytes) -> str:
    """Return the last message of a chat request."""
    return json.loads(body)["messages"][-1]["content"]


# ---------------------------------------------------------------- a course that talks to it

def connected(monkeypatch: pytest.MonkeyPatch, url: str, **values: str) -> OpenAI:
    """Return the course's client for a loopback server, as a new process would see it with these settings."""
    for name, value in ({"OPENAI_BASE_URL": url, "COURSE_MODEL": MODEL} | values).items():
        monkeypatch.setenv(name, value)
    return new_process(monkeypatch)


def new_process(monkeypatch: pytest.MonkeyPatch) -> OpenAI:
    """Forget what this process knows but for the files it wrote, and connect.

    Python ends a process when the threads of its pools are done, so they are waited for: what they ask is kept."""
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(timeout=60)
    monkeypatch.setattr(provider, "Shelves", lambda: Shelves(recordings_folder()))
    provider.shelves.cache_clear()
    provider.budget.cache_clear()
    return provider.connect()[0]


def recordings_folder() -> Path:
    """The folder that stands for data/recordings in a test."""
    return settings.ROOT / "recordings"


def record_sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the SDK's retries not wait, and return the list of the seconds they would have waited."""
    waited: list[float] = []
    real = _base_client.time
    monkeypatch.setattr(_base_client, "time", SimpleNamespace(**vars(real) | {"sleep": waited.append}))
    return waited


def say(client: OpenAI, text: str = "hello", **options: object) -> str | None:
    """Ask one question and return the answer's text."""
    reply = client.chat.completions.create(**{"model": MODEL, "messages": question(text)} | options)
    return reply.choices[0].message.content


def heard(client: OpenAI, text: str = "hello", **options: object) -> str:
    """Ask one question as a stream and return what arrived."""
    chunks = streaming(client, text, **options)
    return " ".join(chunk.choices[0].delta.content for chunk in chunks if chunk.choices)


def streaming(client: OpenAI, text: str = "hello", **options: object) -> Stream:
    return client.chat.completions.create(model=MODEL, messages=question(text), stream=True, **options)


def question(text: str = "hello") -> list[dict]:
    return [{"role": "user", "content": text}]


def asking(client: OpenAI, **options: object) -> Ask:
    """An `ask` for evaluate: the example's text is the question."""
    return lambda example: say(client, example.input, **options)


# ---------------------------------------------------------------- something to ask about

def mini_task() -> LabelTask:
    fields = {"category": dict.fromkeys(LABELS, ""), "priority": {"high": "", "low": ""}}
    return LabelTask("mini", fields, "category")


def examples(count: int, task: LabelTask | None = None) -> list[Example]:
    """Messages with the ids e0, e1, …; delivery is the right answer to each."""
    task = task or mini_task()
    return [Example(f"e{i}", f"message {i}", "delivery", {}, task) for i in range(count)]
