"""Start the embedded provider in a process of its own, and see that it ends with the one that started it.

The child holds one end of a pipe. When the parent goes, however it goes (`kill -9` included), the pipe closes
and the child leaves. A crash of the engine ends the child, not a reader's notebook.
Does not: fetch weights or load a model; the first request does (see api.py).
"""
from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from helpers.local.api import application
from helpers.local.trainer import own_group
from helpers.settings import ROOT, cache_folder

_starting = threading.Lock()
_running: Service | None = None


@dataclass
class Service:
    """A running embedded provider: its address, its key, its process."""

    base_url: str
    api_key: str = field(repr=False)
    process: subprocess.Popen

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the service and wait until it is gone."""
        self.process.stdin.close()
        self.process.wait(timeout=60)


def running() -> Service:
    """Return this process's service, started if there is none or the last one died.

    Example: running().base_url -> "http://127.0.0.1:40213/v1"
    """
    global _running
    with _starting:
        if _running is None or not _running.alive:
            _running = start()
        return _running


def start() -> Service:
    """Start a service on a free loopback port with a random key, and wait until it listens.

    Raises RuntimeError with the end of its log when it does not start.
    """
    key = secrets.token_urlsafe(24)
    with log_file().open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "helpers.local", "--child"], cwd=ROOT, text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, **own_group())
    with suppress(BrokenPipeError):     # it ended at once: the next line says why
        process.stdin.write(key + "\n")
        process.stdin.flush()
    port = process.stdout.readline().strip()
    if not port:
        raise RuntimeError(f"The embedded model's service did not start:\n{last_words()}")
    return Service(f"http://127.0.0.1:{port}/v1", key, process)


def log_file() -> Path:
    """Where a service started by this process writes its complaints."""
    folder = cache_folder() / "logs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:         # a cache that a teacher shares may be read-only
        folder = Path(tempfile.gettempdir())
    return folder / f"service-{os.getpid()}.log"


def last_words() -> str:
    """Return the last lines of the service's log."""
    return "\n".join(log_file().read_text(errors="replace").splitlines()[-5:]) or "(it said nothing)"


# ---------------------------------------------------------------- inside the service's process

def serve_child() -> None:
    """Serve until the parent's end of the pipe closes: what `python -m helpers.local --child` runs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    key = sys.stdin.readline().strip()
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    with loopback_socket() as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, key)


def _leave_with_parent() -> None:
    sys.stdin.read()        # returns when the pipe closes
    os._exit(0)             # the engine's threads would hold up an ordinary exit


def loopback_socket(port: int = 0) -> socket.socket:
    """Return a socket that listens on loopback only; port 0 takes a free one."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)      # or each reply's body waits 40 ms for an ACK
    return listener


def serve(listener: socket.socket, api_key: str, aliases: tuple[str, ...] = ()) -> None:
    """Answer requests on the socket until the process is told to end."""
    config = uvicorn.Config(application(api_key, aliases), log_level="error", lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
