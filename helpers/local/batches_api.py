"""The embedded provider's web face for bulk requests: OpenAI's batches.

    Starlette(routes=[*ROUTES, ...])

The lines of a batch are put to the service itself, by a thread of it: the endpoint that answers a single request
answers them. Whoever looks at batches has those that wait go on, so that one whose service was ended is not lost.
Does not: keep anything itself (see batches.py), or take files (see tuning_api.py).
"""
from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import Literal

from filelock import Timeout
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from helpers.local import batches
from helpers.local.refusals import parsed
from helpers.local.tuning_api import page

PRIVATE = ("made", "starts")        # of a batch's card
_waking = threading.Lock()


class BatchRequest(BaseModel):
    """What a request for a batch may hold; anything else is refused by name."""

    model_config = ConfigDict(extra="forbid")
    input_file_id: str
    endpoint: Literal["/v1/chat/completions", "/v1/embeddings"]
    completion_window: Literal["24h"]
    metadata: dict[str, str] | None = None


# ---------------------------------------------------------------- endpoints

async def create_batch(request: Request) -> Response:
    """POST /v1/batches"""
    asked = await parsed(request, BatchRequest)
    batch = await run_in_threadpool(batches.create, asked.input_file_id, asked.endpoint, asked.metadata)
    wake(request.app)
    return _shown(batch)


def list_batches(request: Request) -> Response:
    """GET /v1/batches"""
    wake(request.app)
    return page(request, [_public(batch) for batch in batches.everything()])


def retrieve_batch(request: Request) -> Response:
    """GET /v1/batches/{id}"""
    return _shown(_found(request))


def cancel_batch(request: Request) -> Response:
    """POST /v1/batches/{id}/cancel"""
    batch = _found(request)
    batches.cancel(batch)
    wake(request.app)       # should its worker be gone, another one ends it
    return _shown(batch)


def _found(request: Request) -> batches.Batch:
    batch = batches.find(request.path_params["id"])
    wake(request.app)
    return batch


def _shown(batch: batches.Batch) -> Response:
    return JSONResponse(_public(batch))


def _public(batch: batches.Batch) -> dict:
    return {name: value for name, value in batch.card.items() if name not in PRIVATE}


# ---------------------------------------------------------------- the thread that answers them

def wake(app: Starlette) -> None:
    """Start a thread that answers the batches that wait, unless one is at work."""
    with _waking:
        worker = getattr(app.state, "batch_worker", None)
        if (worker is None or not worker.is_alive()) and batches.waiting():
            app.state.batch_worker = threading.Thread(target=_work_through, args=(app,), daemon=True)
            app.state.batch_worker.start()


def _work_through(app: Starlette) -> None:
    """Do the batches that wait, one after the other, but for those that another service works on."""
    with asyncio.Runner() as runner:
        def answer(path: str, body: dict) -> tuple[int, dict]:
            return runner.run(put(app, path, body))

        while any([_worked(batch, answer) for batch in batches.waiting()]):
            pass


def _worked(batch: batches.Batch, answer: batches.Answer) -> bool:
    with suppress(Timeout), batch.at_work():
        batches.work(batch, answer)
        return True
    return False


async def put(app: Starlette, path: str, body: dict) -> tuple[int, dict]:
    """Put a request to the service from inside and return status and body: its own endpoint answers.

    Example: await put(app, "/v1/chat/completions", {"model": "no", "messages": []}) -> 400, {"error": {…}}
    """
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)
    headers = [(b"authorization", f"Bearer {app.state.api_key}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
             "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
    try:
        await app(scope, receive, send)
        return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))
    except Exception as error:      # one request's own misfortune: the batch goes on
        message = f"The service failed: {type(error).__name__}: {error}"
        return 500, {"error": {"message": message, "type": "server_error", "param": None, "code": None}}


ROUTES = [
    Route("/v1/batches", create_batch, methods=["POST"]),
    Route("/v1/batches", list_batches),
    Route("/v1/batches/{id}", retrieve_batch),
    Route("/v1/batches/{id}/cancel", cancel_batch, methods=["POST"]),
]
