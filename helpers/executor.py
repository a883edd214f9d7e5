"""Carry out many long runs, each in a process of its own: on this machine, or on others (see cluster.py).

    with Processes() as places:                     or Cluster("tcp://10.0.0.1:8786")
        for item, result in each(work, items, places):
            keep(item, result)                      only here: a result comes once, and nobody else writes

`work` is a function that another process can import, an item is what can be pickled, and a result what JSON can hold.
Does not: decide what is missing, or keep results.
"""
from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from helpers.settings import ROOT

LOOK = 20           # seconds between two looks at a cluster's workers
GLANCE = 0.5        # seconds between two questions whether a run is still wanted
GRACE = 120         # seconds in which a run that is stopped may write its checkpoint
TASK, ANSWER = "task.pickle", "answer.json"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")    # Dask sets them to 1 in its workers
AGAIN = "What is done is kept: the same command goes on from there."

Item = TypeVar("Item")
Work = Callable[[Item], dict]


class ExecutorError(RuntimeError):
    """Runs cannot be carried out, or one came to nothing; the message says which, why, and what to do."""


class Places(Protocol):
    """Where runs are done: `count` of them at the same time."""

    @property
    def count(self) -> int:
        """How many runs are under way at most; it may change."""

    def submit(self, work: Work, item: object) -> Future:
        """Begin a run; the future has its result."""

    def idle(self) -> str:
        """Say why nothing is done, "" when there is no reason."""


def each(work: Work, items: Iterable[Item], places: Places) -> Iterator[tuple[Item, dict]]:
    """Yield each item with its result, as they are done. The next item is asked for when a place is free.

    After a failure nothing more is begun; what is under way is still yielded, and then ExecutorError is raised.
    """
    left, under_way, failures = iter(items), {}, []
    while True:
        while not failures and len(under_way) < places.count and (item := next(left, None)) is not None:
            under_way[places.submit(work, item)] = item
        if not under_way:
            break
        done, _ = wait(under_way, LOOK, FIRST_COMPLETED)
        if not done and (reason := places.idle()):
            print(reason, file=sys.stderr, flush=True)
        for future in done:
            item = under_way.pop(future)
            if reason := _why_not(future):
                failures.append(f"{item}: {reason}")
            else:
                yield item, future.result()
    if failures:
        raise ExecutorError("\n".join([*failures, AGAIN]))


def _why_not(future: Future) -> str:
    """Return why a run came to nothing, "" when it did not."""
    error = future.exception()
    if error is None:
        return ""
    if isinstance(error, CancelledError):
        return "the connection to the scheduler was lost, and with it what was under way."
    if type(error).__name__ == "KilledWorker":      # Dask's: it gives up on what takes one worker after the other along
        return ("every worker that began it died, so it is not tried again. It may need more memory than they have: "
                "their logs say why they ended.")
    return str(error) if isinstance(error, ExecutorError) else f"{type(error).__name__}: {error}"


# ---------------------------------------------------------------- on this machine

class Processes:
    """So many processes side by side on this machine. One training alone uses two cores as well as two do."""

    def __init__(self, count: int = 1):
        self.count = count
        self._threads = max(1, (os.cpu_count() or 1) // count) if count > 1 else None
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(count)      # of threads that wait: each for the process that it began

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown(cancel_futures=True)

    def submit(self, work: Work, item: object) -> Future:
        """Begin a run; the future has its result."""
        return self._pool.submit(alone, pickle.dumps((work, item)), self._over.is_set, self._threads)

    def idle(self) -> str:
        """Say why nothing is done: here there is never a reason."""
        return ""


def alone(task: bytes, stopped: Callable[[], bool], threads: int | None = None) -> dict:
    """Do a pickled (work, item) in a process of its own, which gives its memory back, and return the result.

    When `stopped()` becomes true, the run is interrupted as by Ctrl-C. So it is when this process dies, for then the
    pipe to it is closed. Raises ExecutorError.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / TASK).write_bytes(task)
        with subprocess.Popen([sys.executable, "-m", "helpers.executor", name], cwd=ROOT,
                              stdin=subprocess.PIPE, env=_environment(threads)) as process:
            _wait(process, stopped)
        if not (folder / ANSWER).exists():
            raise ExecutorError(_ended(process.returncode))
        found = json.loads((folder / ANSWER).read_text(encoding="utf-8"))
    if "failed" in found:
        raise ExecutorError(found["failed"])
    return found["result"]


def _environment(threads: int | None) -> dict[str, str]:
    return {**os.environ, **dict.fromkeys(THREADS, str(threads))} if threads else dict(os.environ)


def _wait(process: subprocess.Popen, stopped: Callable[[], bool]) -> None:
    """Wait for the run's end; one that is stopped has time for its checkpoint."""
    while not stopped():
        try:
            process.wait(GLANCE)
            return
        except subprocess.TimeoutExpired:
            continue
    process.stdin.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


def _ended(code: int) -> str:
    """Example: _ended(-9) -> "its process was ended by signal 9, as a system does that runs out of memory." """
    if code < 0:
        return f"its process was ended by signal {-code}, as a system does that runs out of memory."
    return f"its process ended with code {code} and without a word; what it printed says more."


def _in_its_own_process(folder: Path) -> None:
    """Do the task in the folder and write down what came of it. Never returns."""
    signal.signal(signal.SIGINT, _once)
    threading.Thread(target=_until_nobody_waits, daemon=True).start()
    try:
        work, item = pickle.loads((folder / TASK).read_bytes())
        found = {"result": work(item)}
    except KeyboardInterrupt:
        found = {"failed": "stopped."}
    except Exception as error:
        traceback.print_exc()
        found = {"failed": f"{type(error).__name__}: {error}"}
    (folder / ANSWER).write_text(json.dumps(found), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)     # the engine's threads would hold up an ordinary exit


def _once(*_: object) -> None:
    """Be interrupted once: a second Ctrl-C would break off the checkpoint that is written because of the first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _until_nobody_waits() -> None:
    os.read(0, 1)       # nothing is ever sent: this returns when the other end is closed
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)       # also wakes it when it sleeps
    else:
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    _in_its_own_process(Path(sys.argv[1]))
