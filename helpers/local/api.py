"""The embedded provider's web face: OpenAI's chat, embeddings and models endpoints on loopback.

Files and fine-tuning jobs are in tuning_api.py, batches in batches_api.py; what they lead to is answered here.

Ordinary OpenAI SDK code runs against it. Refusals have OpenAI's shape and status, so that the SDK raises its
own exceptions, and their text says what to do.
Does not: offer tools, images or audio; a request for them is refused, not ignored.
"""
from __future__ import annotations

import base64
import hmac
import json
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from helpers.local import batches_api, tuned, weights
from helpers.local.encoder import Encoder
from helpers.local.engine import TOKENS_PER_REQUEST, ChatEngine, EngineError, json_grammar
from helpers.local.refusals import ApiError, parsed
from helpers.local.tuning_api import ROUTES

DEFAULT_MAX_TOKENS = 1_024      # a small model that loses its thread would go on to the end of its context


# ---------------------------------------------------------------- the models behind it

class Models:
    """The models served, each loaded when first asked for. In memory are one chat model and one tuned model at most."""

    def __init__(self, aliases: tuple[str, ...] = ()):
        self.chat_names = weights.chat_model_names()
        self.aliases = aliases
        self.started = int(time.time())
        self._lock = threading.Lock()
        self._resident: dict[str, tuple[str, ChatEngine]] = {}      # by kind: "base", "tuned"

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(weights.ensure(weights.MINILM))

    def chat(self, name: str) -> tuple[str, ChatEngine]:
        """Return the name of the model that answers, and its engine. An alias stands for the first model."""
        if name.startswith(tuned.PREFIX):
            return self._loaded("tuned", name, tuned.find(name).file)
        real = self.chat_name(name)
        return self._loaded("base", real, lambda: weights.chat_model_path(real))

    def chat_name(self, name: str) -> str:
        """Return the real name of a chat model that is not tuned. Raises ApiError."""
        self._known(name, (*self.chat_names, *self.aliases))
        return name if name in self.chat_names else self.chat_names[0]

    def _loaded(self, kind: str, name: str, file: Callable[[], Path]) -> tuple[str, ChatEngine]:
        """Return name and engine; another model of the kind makes room, and is freed when its last answer is done."""
        with self._lock:
            if kind not in self._resident or self._resident[kind][0] != name:
                self._resident.pop(kind, None)
                self._resident[kind] = name, ChatEngine(file())
            return self._resident[kind]

    def encoder(self, name: str) -> Encoder:
        self._known(name, (weights.MINILM.name,))
        with self._lock:
            return self._encoder

    def names(self) -> list[str]:
        """The base chat model first."""
        return [*self.chat_names, weights.MINILM.name, *self.aliases, *tuned.names()]

    def delete(self, name: str) -> None:
        """Remove a tuned model. Raises ApiError for another."""
        if not name.startswith(tuned.PREFIX):
            raise ApiError(403, f"{name!r} is no tuned model, and only those can be deleted: their names begin with "
                           f"{tuned.PREFIX!r}.", "model", "model_not_deletable")
        with self._lock:
            tuned.delete(name)
            if self._resident.get("tuned", ("",))[0] == name:
                del self._resident["tuned"]

    def _known(self, name: str, served: tuple[str, ...]) -> None:
        if name not in served:
            if name.startswith(tuned.PREFIX):
                tuned.find(name)        # or it names those there are
            raise ApiError(404, f"The model {name!r} does not exist here for this endpoint. It serves: "
                           f"{', '.join(served)}. To serve it under another name too, start it with --alias.",
                           "model", "model_not_found")


# ---------------------------------------------------------------- requests

class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def for_engine(self) -> dict:
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class ChatRequest(BaseModel):
    """What a chat request may hold; anything else is refused by name."""

    model_config = ConfigDict(extra="forbid")
    model: str
    messages: list[Message] = Field(min_length=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = None
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    n: int | None = Field(None, ge=1, le=8)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    stream: bool | None = None
    stream_options: dict | None = None
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    response_format: dict | None = None
    # accepted and without effect here, as on a hosted model they change no answer
    user: str | None = None
    store: bool | None = None
    metadata: dict | None = None

    @field_validator("response_format")
    @classmethod
    def _format_has_what_it_needs(cls, value: dict | None) -> dict | None:
        kind = (value or {}).get("type")
        if value is not None and kind not in ("text", "json_object", "json_schema"):
            raise ValueError(f"type {kind!r} is not one of text, json_object, json_schema")
        if kind == "json_schema":
            _check_schema(value.get("json_schema"))
        return value

    @model_validator(mode="after")
    def _one_limit(self) -> ChatRequest:
        if self.max_tokens and self.max_completion_tokens:
            raise ValueError("give max_completion_tokens or max_tokens, not both")
        if self.stream and (self.n or 1) > 1:
            raise ValueError("a stream carries one answer here: leave out n, or stream")
        return self

    @property
    def schema_asked(self) -> dict | None:
        """The JSON schema the reply must follow, if any."""
        kind = (self.response_format or {}).get("type")
        if kind == "json_schema":
            return self.response_format["json_schema"]["schema"]
        return {"type": "object"} if kind == "json_object" else None

    def for_engine(self) -> dict:
        """Return the request as the engine takes it."""
        ours = {"model", "messages", "max_tokens", "max_completion_tokens", "user", "store", "metadata",
                "response_format", "n"}
        asked = self.model_dump(exclude_none=True, exclude=ours)
        asked["messages"] = [message.for_engine() for message in self.messages]
        asked["max_tokens"] = self.max_completion_tokens or self.max_tokens or DEFAULT_MAX_TOKENS
        if self.logprobs:
            asked["top_logprobs"] = self.top_logprobs or 1      # 0 would drop them all
        if self.schema_asked is not None:
            asked["grammar"] = json_grammar(self.schema_asked)
        return asked


def _check_schema(wanted: object) -> None:
    """Raise ValueError unless this is OpenAI's wrapping of a valid JSON schema."""
    from jsonschema import Draft202012Validator, SchemaError  # takes a second to import
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    if not isinstance(schema, dict):
        raise ValueError("json_schema needs a 'schema' that is a JSON object")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"the schema is not valid at {error.json_path}: {error.message}") from None


class EmbeddingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    model: str
    input: str | list[str] = Field(min_length=1)
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Literal[384] | None = None
    user: str | None = None

    @field_validator("input")
    @classmethod
    def _no_empty_text(cls, value: str | list[str]) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        if not all(texts):
            raise ValueError("an empty text has no embedding; leave it out")
        if len(texts) > 2048:
            raise ValueError(f"{len(texts)} texts at once; send at most 2048")
        return texts


# ---------------------------------------------------------------- endpoints

async def chat_completions(request: Request) -> Response:
    """POST /v1/chat/completions"""
    asked = await parsed(request, ChatRequest)
    models: Models = request.app.state.models
    name, engine = await run_in_threadpool(models.chat, asked.model)
    if asked.stream:
        chunks = _stream(engine, asked.for_engine(), name)
        opening = await run_in_threadpool(_opening, chunks)     # an error before the first text has a status
        if asked.schema_asked is not None:
            _followed(choice["delta"].get("content") for piece in opening for choice in piece["choices"])
        return StreamingResponse(_events(opening, chunks), media_type="text/event-stream")
    reply = await run_in_threadpool(_answers, engine, asked)
    if asked.schema_asked is not None:
        _followed(choice["message"]["content"] for choice in reply["choices"])
    return JSONResponse(reply | {"model": name})


def _answers(engine: ChatEngine, asked: ChatRequest) -> dict:
    """Answer `n` times, each with the next seed, and return one reply with n choices."""
    request, replies = asked.for_engine(), []
    for index in range(asked.n or 1):
        seed = {} if asked.seed is None else {"seed": asked.seed + index}
        replies.append(engine.complete(request | seed))
        replies[-1]["choices"][0]["index"] = index
    whole = replies[0]
    for more in replies[1:]:
        whole["choices"] += more["choices"]
        for used in ("completion_tokens", "total_tokens"):
            whole["usage"][used] += more["usage"]["completion_tokens"]
    return whole


def _followed(texts: Iterable[str | None]) -> None:
    """Raise ApiError when a reply is no JSON at all: the engine drops a schema it does not understand silently."""
    if not all((text or "{").startswith(("{", "[", '"')) for text in texts):
        raise ApiError(400, "The engine could not apply this schema. It understands types, properties, enum, const, "
                       "arrays, anyOf and local $ref; simplify the schema.", "response_format")


def _stream(engine: ChatEngine, request: dict, name: str) -> Iterator[dict]:
    """Yield the engine's pieces, which it hands to a callback on another thread. Left early, the engine stops."""
    pieces: queue.SimpleQueue = queue.SimpleQueue()
    left = threading.Event()

    def hand_on(piece: dict) -> bool:
        pieces.put(piece)
        return left.is_set()        # what the engine takes as: no more

    def work() -> None:
        try:
            engine.complete(request, hand_on)
            pieces.put(None)
        except Exception as error:
            pieces.put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (piece := pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            if "error" in piece:
                raise EngineError(piece["error"]["message"], piece["error"]["code"], piece["error"]["type"])
            yield piece | {"model": name}
    finally:
        left.set()


def _opening(chunks: Iterator[dict]) -> list[dict]:
    """Take the pieces up to the first that carries text."""
    taken = []
    for piece in chunks:
        taken.append(piece)
        if any(choice["delta"].get("content") for choice in piece["choices"]):
            break
    return taken


def _events(opening: list[dict], rest: Iterator[dict]) -> Iterator[str]:
    for piece in chain(opening, rest):
        yield f"data: {json.dumps(piece)}\n\n"
    yield "data: [DONE]\n\n"


async def embeddings(request: Request) -> Response:
    """POST /v1/embeddings"""
    asked = await parsed(request, EmbeddingRequest)
    encoder = await run_in_threadpool(request.app.state.models.encoder, asked.model)
    vectors, tokens = await run_in_threadpool(encoder.embed, asked.input)
    write: Callable = _base64 if asked.encoding_format == "base64" else lambda vector: vector.tolist()
    rows = [{"object": "embedding", "index": i, "embedding": write(v)} for i, v in enumerate(vectors)]
    return JSONResponse({"object": "list", "model": weights.MINILM.name, "data": rows,
                         "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})


def _base64(vector: Any) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


async def list_models(request: Request) -> Response:
    """GET /v1/models"""
    models: Models = request.app.state.models
    return JSONResponse({"object": "list", "data": [_card(models, name) for name in models.names()]})


async def retrieve_model(request: Request) -> Response:
    """GET /v1/models/{name}"""
    models: Models = request.app.state.models
    models._known(request.path_params["name"], tuple(models.names()))
    return JSONResponse(_card(models, request.path_params["name"]))


async def delete_model(request: Request) -> Response:
    """DELETE /v1/models/{name}"""
    name = request.path_params["name"]
    await run_in_threadpool(request.app.state.models.delete, name)
    return JSONResponse({"id": name, "object": "model", "deleted": True})


def _card(models: Models, name: str) -> dict:
    created = tuned.find(name).card["created"] if name.startswith(tuned.PREFIX) else models.started
    return {"id": name, "object": "model", "created": created, "owned_by": "before-you-fine-tune"}


# ---------------------------------------------------------------- the application

class RequireKey:
    """Refuse every request that does not carry the key: other programs on this machine could ask too."""

    def __init__(self, app: ASGIApp, api_key: str):
        self.app, self.expected = app, f"Bearer {api_key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", [])).get(b"authorization", b"")
        if scope["type"] == "http" and not hmac.compare_digest(given, self.expected):
            refusal = ApiError(401, "Incorrect API key. Set OPENAI_API_KEY to the key that "
                               "`python -m helpers.local` printed when it started.", code="invalid_api_key")
            return await JSONResponse(refusal.body, 401)(scope, receive, send)
        return await self.app(scope, receive, send)


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return JSONResponse(error.body, error.status)


async def _engine_refuses(_: Request, error: Exception) -> Response:
    assert isinstance(error, EngineError)
    if error.kind == "exceed_context_size_error":
        refusal = ApiError(400, f"The prompt is too long: {error}. The embedded model reads at most "
                           f"{TOKENS_PER_REQUEST:,} tokens; shorten the text or split it.",
                           "messages", "context_length_exceeded")
    elif error.status < 500:
        refusal = ApiError(400, f"The engine cannot use this request: {error}", "response_format")
    else:
        refusal = ApiError(500, f"The engine failed: {error}")
    return await _refuse(_, refusal)


async def _weights_missing(_: Request, error: Exception) -> Response:
    return JSONResponse(ApiError(424, str(error), code="weights_missing").body, 424)


async def _not_found(request: Request, _: Exception) -> Response:
    refusal = ApiError(404, f"{request.method} {request.url.path} is not offered. Offered: chat/completions, "
                       "embeddings, models, files, fine_tuning/jobs, batches, under /v1.", code="unknown_url")
    return JSONResponse(refusal.body, 404)


def application(api_key: str, aliases: tuple[str, ...] = ()) -> Starlette:
    """Return the service as an ASGI application; models load at the first request that needs them."""
    app = Starlette(
        routes=[Route("/v1/chat/completions", chat_completions, methods=["POST"]),
                Route("/v1/embeddings", embeddings, methods=["POST"]),
                Route("/v1/models", list_models),
                Route("/v1/models/{name:path}", retrieve_model),
                Route("/v1/models/{name:path}", delete_model, methods=["DELETE"]),
                *ROUTES, *batches_api.ROUTES],
        middleware=[Middleware(RequireKey, api_key=api_key)],
        exception_handlers={ApiError: _refuse, EngineError: _engine_refuses,
                            weights.WeightsError: _weights_missing, 404: _not_found, 405: _not_found},
    )
    app.state.models, app.state.api_key = Models(aliases), api_key
    return app
