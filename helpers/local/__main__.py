"""Serve the embedded model to other programs.

    python -m helpers.local                        print two exports, then serve until Ctrl-C
    python -m helpers.local --alias gpt-4o-mini    answer under that name too; replies name the real model
    python -m helpers.local --port 8080            a fixed port instead of a free one
    python -m helpers.local --fetch                fetch the weights that are missing and end
    python -m helpers.local --prove                answer one real ticket and end
"""
from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from contextlib import suppress

from helpers.local import service, weights
from helpers.local.engine import ChatEngine, EngineError
from helpers.settings import ROOT


def main() -> None:
    """Read the command line and do the one thing asked."""
    parser = argparse.ArgumentParser(prog="python -m helpers.local", description="Serve the embedded model.")
    parser.add_argument("--alias", action="append", default=[], metavar="NAME", help="a second name to answer to")
    parser.add_argument("--port", type=int, default=0, help="a fixed port (default: a free one)")
    parser.add_argument("--fetch", action="store_true", help="fetch the weights that are missing and end")
    parser.add_argument("--prove", action="store_true", help="answer one real ticket and end")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    try:
        if options.child:
            service.serve_child()
        elif options.fetch:
            weights.fetch_all()
        elif options.prove:
            prove()
        else:
            serve_in_terminal(options.port, tuple(options.alias))
    except (weights.WeightsError, EngineError) as error:
        sys.exit(str(error))


def serve_in_terminal(port: int, aliases: tuple[str, ...]) -> None:
    """Print the two exports, then serve. The key is printed once and kept nowhere."""
    weights.chat_model_path()       # fetch before promising to answer
    key = secrets.token_urlsafe(24)
    try:
        listener = service.loopback_socket(port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", error)
        sys.exit(f"Port {port} cannot be used ({reason}). Leave out --port to take a free one.")
    with listener:
        print(f"export OPENAI_BASE_URL=http://127.0.0.1:{listener.getsockname()[1]}/v1")
        print(f"export OPENAI_API_KEY={key}", flush=True)
        print("Serving. Paste the two lines into another terminal; Ctrl-C ends it.", file=sys.stderr)
        with suppress(KeyboardInterrupt):
            service.serve(listener, key, aliases)


def prove() -> None:
    """Answer one real ticket, so that a reader sees the model work before opening a notebook."""
    with (ROOT / "data" / "tickets" / "train.jsonl").open(encoding="utf-8") as tickets:
        message = json.loads(next(tickets))["input"]
    engine = ChatEngine(weights.chat_model_path())
    reply = engine.complete({"messages": [{"role": "user", "content": message}], "max_tokens": 60, "temperature": 0})
    print(f"A customer writes:  {message}\n\n{weights.chat_model_name()} answers:  "
          f"{reply['choices'][0]['message']['content'].strip()}\n", flush=True)
    os._exit(0)     # the engine's threads would hold up an ordinary exit


if __name__ == "__main__":
    main()
