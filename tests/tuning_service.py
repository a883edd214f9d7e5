"""The embedded service in the test's own process: its web face is real, and it only pretends to train and to answer.

    with pretending_service(monkeypatch, tmp_path) as service:
        OpenAI(base_url=service.base_url, api_key=service.api_key)
"""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn

from helpers.local import api, room, trainer, weights
from helpers.local.service import loopback_socket
from tests.tuning import PRETENDING, base_file


class Echo:
    """An engine that answers with the name of its file's folder."""

    def __init__(self, path: Path):
        self.path = path

    def complete(self, request: dict, on_chunk: object = None) -> dict:
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": self.path.parent.name}}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


@contextmanager
def pretending_service(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Iterator[SimpleNamespace]:
    """Run a service in this process, with a small base, trainers that pretend, and an engine that echoes."""
    base = base_file(folder / "base.gguf")
    monkeypatch.setattr(weights, "chat_model_path", lambda name=None: base)
    monkeypatch.setattr(api, "ChatEngine", Echo)
    monkeypatch.setattr(trainer, "COMMAND", PRETENDING)
    monkeypatch.setattr(trainer, "_started", None)
    monkeypatch.setattr(room, "ACTIVATIONS", 0)         # whatever memory other programs leave
    monkeypatch.setenv("PRETEND", "{}")
    application = api.application("key", ("gpt-4o-mini",))
    server = uvicorn.Server(uvicorn.Config(application, log_level="critical", lifespan="off"))
    with loopback_socket() as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield SimpleNamespace(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1", api_key="key")
        server.should_exit = True
        thread.join()
    if worker := getattr(application.state, "batch_worker", None):
        worker.join(60)     # or it would answer the next test's batches
    if trainer._started is not None:
        trainer._started.kill()
        trainer._started.wait()
