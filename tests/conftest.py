"""Fixtures for every test: settings of its own, the real weights for tests marked `live`, a loopback server.

A test sees no COURSE_* or OPENAI_* variable and no `.env` of the person who runs it; its cache and store are
empty temporary folders. A test marked `live` sees the real weights' folder instead of an empty one.
"""
from __future__ import annotations

import json
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openai import OpenAI

from helpers import settings
from helpers.local import service

REAL_CACHE = settings.cache_folder().resolve()      # the caller's COURSE_CACHE, or the user's cache folder


# ---------------------------------------------------------------- settings

@pytest.fixture(autouse=True, scope="session")
def ctrl_c_works() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and some are about Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Give each test its own settings; a test may write a `.env` into `helpers.settings.ROOT`."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setattr(settings, "ROOT", root)
    cache = REAL_CACHE if request.node.get_closest_marker("live") else tmp_path / "cache"
    set_only(monkeypatch, COURSE_CACHE=cache, COURSE_STORE=tmp_path / "store")


def set_only(monkeypatch: pytest.MonkeyPatch, **variables: Path) -> None:
    """Remove every setting from the environment and set these."""
    for name in [name for name in os.environ if name.startswith(("COURSE_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


# ---------------------------------------------------------------- the real model

@pytest.fixture(scope="session")
def live_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Service]:
    """One embedded service for all `live` tests: a test that harms its service starts its own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_only(monkeypatch, COURSE_CACHE=REAL_CACHE, COURSE_STORE=tmp_path_factory.mktemp("store"))
        started = service.start()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def live_client(live_service: service.Service) -> OpenAI:
    """A plain OpenAI client for `live_service`, without retries, so that each error shows at once."""
    return client_of(live_service)


def client_of(one: service.Service) -> OpenAI:
    return OpenAI(base_url=one.base_url, api_key=one.api_key, max_retries=0)


def with_weights(folder: Path) -> Path:
    """Return a cache folder of one's own that has the real weights, by links, and none of the files and jobs."""
    folder.mkdir(parents=True)
    for path in REAL_CACHE.iterdir():
        if path.suffix in (".gguf", ".safetensors", ".sha256"):
            (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def own_service() -> Iterator[Callable[..., service.Service]]:
    """Start services for this test alone, with settings: own_service(COURSE_WEIGHTS=path). They end with it."""
    started: list[service.Service] = []

    def start(**variables: object) -> service.Service:
        with pytest.MonkeyPatch.context() as monkeypatch:
            for name, value in variables.items():
                monkeypatch.setenv(name, str(value))
            started.append(service.start())
        return started[-1]

    yield start
    for one in started:
        one.stop()


# ---------------------------------------------------------------- a server on loopback

class Asked(NamedTuple):
    """One request that reached a loopback server."""

    method: str
    path: str
    headers: dict[str, str]     # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Loopback:
    """The servers of one test; see the fixture `loopback`."""

    CUT = "cut the connection"
    HANG = "say nothing more until the test is over"

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.errors: list[str] = []
        self.over = threading.Event()
        self._servers: list[ThreadingHTTPServer] = []

    def __call__(self, handler: Callable, prefix: str = "/v1") -> str:
        answerer = type("Answerer", (_Answerer,), {"loopback": self, "answer": staticmethod(handler)})
        server = _Server(("127.0.0.1", 0), answerer)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_port}{prefix}"

    @property
    def count(self) -> int:
        return len(self.requests)

    def close(self) -> None:
        self.over.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that went away is no error of the test."""


class _Answerer(BaseHTTPRequestHandler):
    """Hand each request to the test's function, and send what it returns."""

    protocol_version = "HTTP/1.1"       # keeps connections open, as real servers do
    disable_nagle_algorithm = True
    loopback: Loopback
    answer: Callable

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.loopback.requests.append(asked)
        try:
            answer = self.answer(*asked)
        except Exception:
            self.loopback.errors.append(traceback.format_exc())
            answer = 500, {}, b"the test's handler failed"
        if isinstance(answer, str):
            self._break_off(answer)
        else:
            self._send(*answer)

    do_POST = do_HEAD = do_PUT = do_DELETE = do_GET

    def _send(self, status: int, headers: dict[str, str], body: bytes | dict | Iterable[bytes | str]) -> None:
        if isinstance(body, dict):
            headers, body = {"content-type": "application/json"} | headers, json.dumps(body).encode()
        whole = isinstance(body, bytes)
        framing = {"content-length": str(len(body))} if whole else {"transfer-encoding": "chunked"}
        self.send_response(status)
        for name, value in (framing | {name.lower(): value for name, value in headers.items()}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body) if whole else self._send_pieces(body)

    def _send_pieces(self, pieces: Iterable[bytes | str]) -> None:
        for piece in pieces:
            if isinstance(piece, str):
                return self._break_off(piece)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _break_off(self, how: str) -> None:
        assert how in (Loopback.CUT, Loopback.HANG), f"{how!r} is neither loopback.CUT nor loopback.HANG"
        if how == Loopback.HANG:
            self.loopback.over.wait()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """Start servers that answer as a function says, on 127.0.0.1, each request in a thread of its own.

        def handler(method, path, headers, body):       # headers' names in lower case, body as bytes
            return 429, {"retry-after": "1"}, {"error": {"message": "slow down"}}

        url = loopback(handler)                 # "http://127.0.0.1:40213/v1", for an OpenAI client
        url = loopback(handler, prefix="")      # without "/v1"; the handler always sees the whole path

    The handler returns (status, headers, body), where body is bytes, a dict (sent as JSON), or an iterable of
    bytes (sent piece by piece, as a stream of events is). Returned alone, `loopback.CUT` closes the
    connection without a word and `loopback.HANG` keeps silent until the test is over; as an item of an
    iterable body they do so in mid-reply.

    `loopback.count` is the number of requests that arrived, `loopback.requests` the list of them, each with
    .method, .path, .headers, .body and .json; several servers of one test share both. An exception inside a
    handler answers 500 and fails the test. `loopback.over` is an Event set at the end: use `.wait(seconds)`
    for a slow server.
    """
    servers = Loopback()
    yield servers
    servers.close()
    assert not servers.errors, servers.errors[0]
