"""(c) How much does `evaluate` add to a server that answers in 50 ms, 16 in flight, 600 rows?

    python -m tests.benchmarks.runner            the ideal is 600 / 16 * 50 ms
"""
from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import socket
import tempfile
import time
from statistics import median

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from helpers.local.service import loopback_socket
from helpers.tasks import Example, Score

ROWS, IN_FLIGHT, SECONDS, ROUNDS = 600, 16, 0.050, 3


async def reply_after_a_while(request: Request) -> JSONResponse:
    asked = json.loads(await request.body())
    await asyncio.sleep(SECONDS)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "delivery"}}
    used = {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10}
    return JSONResponse({"id": "x", "object": "chat.completion", "created": 0, "model": asked["model"],
                         "choices": [choice], "usage": used})


def main() -> None:
    """Run 600 rows three times, each with fresh rows, and print milliseconds a row beside the ideal."""
    with loopback_socket() as listener, tempfile.TemporaryDirectory() as store:
        server = multiprocessing.get_context("spawn").Process(target=serve, args=(listener,), daemon=True)
        server.start()          # a process of its own, as a provider is: its work is not the runner's
        os.environ |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}/v1", "COURSE_MODEL": "slow",
                       "COURSE_STORE": store}
        measured = median(one_round(turn) for turn in range(ROUNDS))
        server.terminate()
    ideal = SECONDS / IN_FLIGHT
    print(f"evaluate {1000 * measured:.2f} ms a row, ideal {1000 * ideal:.2f}: ratio {measured / ideal:.2f}")


def serve(listener: socket.socket) -> None:
    """Answer on the socket until the process is ended."""
    app = Starlette(routes=[Route("/v1/chat/completions", reply_after_a_while, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off")).run(sockets=[listener])


def one_round(turn: int) -> float:
    """Return the seconds a row takes; every reply is also written to the store, as in real use."""
    from helpers import connect, evaluate
    client, model = connect()
    examples = [Example(f"{turn}-{i}", f"round {turn}, message {i}", "delivery") for i in range(ROWS)]

    def ask(example: Example) -> str:
        messages = [{"role": "user", "content": example.input}]
        return client.chat.completions.create(model=model, messages=messages).choices[0].message.content

    started = time.perf_counter()
    run = evaluate(ask, examples, score=lambda example, reply: Score(True, reply == example.expected),
                   workers=IN_FLIGHT)
    assert run.accuracy == 1.0
    return (time.perf_counter() - started) / ROWS


if __name__ == "__main__":
    main()
