"""Have runs carried out by the workers of a Dask cluster: a `Places` for helpers.executor.each.

    with Cluster("tcp://10.0.0.1:8786") as places: ...

A cluster is `dask scheduler` on one machine and `dask worker ADDRESS` on each. A worker does one run at a time, with as
many threads as the worker has, and what it fetches or trains stays in its own cache folder. When it is lost, Dask gives
its run to another; on the same machine that one goes on from the checkpoint. Results are equal to those of this machine
as far as its kind of processor, or GPU, is the same.
Does not: start a scheduler or workers.
"""
from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import pickle
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from helpers.executor import AGAIN, ExecutorError, Places, Processes, Work, alone
from helpers.local import weights
from helpers.settings import ROOT

if TYPE_CHECKING:
    from distributed import Client

MOST = 1_000        # runs under way
CONNECT = 10        # seconds in which a scheduler must answer
PACKAGES = ("torch", "transformers", "peft", "xllamacpp", "tokenizers", "gguf", "safetensors", "numpy", "distributed")

_ONE_AT_A_TIME = threading.Lock()       # a worker of many threads would take many runs, and their memory


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command say where its runs are done."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, default=1, metavar="N",
                       help="runs side by side on this machine (default 1: on two cores one training uses both)")
    where.add_argument("--scheduler", metavar="ADDRESS", help="send the runs to a Dask cluster")


def places(options: argparse.Namespace) -> Places:
    """Return where the command line wants its runs done. Raises ExecutorError."""
    if options.workers < 1:
        raise ExecutorError(f"--workers {options.workers}: at least one run must be under way.")
    return Cluster(options.scheduler) if options.scheduler else Processes(options.workers)


class Cluster:
    """The workers of a Dask scheduler, each of them like this machine in all that decides a result.

    Raises ExecutorError when there is no scheduler, no worker, or one that is other. Stopping stops the runs, too.
    """

    def __init__(self, address: str):
        self.address, self._here = address, made_of()
        self._client = _connected(address)
        try:
            self._check()
        except BaseException:
            self._client.close()
            raise
        self._pool = ThreadPoolExecutor(MOST)   # of threads that wait: each for the run that it sent

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()        # Dask gives up what nobody waits for, and the runs notice
        self._pool.shutdown(cancel_futures=True)

    @property
    def count(self) -> int:
        """As many runs as there are workers now: they come and go. Without any, one waits for the next to come."""
        return min(MOST, max(1, self._workers()))

    def submit(self, work: Work, item: object) -> Future:
        """Send a run; the future has its result. Pickled, it is opened by nobody on the way."""
        return self._pool.submit(self._result, pickle.dumps((work, item)))

    def idle(self) -> str:
        """Say why nothing is done: there may be no worker left."""
        return "" if self._workers() else (f"No worker is left at {self.address}. Start one with `dask worker "
                                           f"{self.address}` and it goes on; Ctrl-C ends the waiting.")

    def _result(self, task: bytes) -> dict:
        sent = self._client.submit(_at_a_worker, task, self._here, pure=False)      # two runs are two, even if alike
        try:
            return sent.result()
        finally:
            sent.release()      # Dask would do it again when it loses the worker that holds the result

    def _workers(self) -> int:
        try:
            return len(self._client.nthreads())
        except OSError as error:
            raise ExecutorError(f"The scheduler at {self.address} is gone ({error}). Start it again. {AGAIN}") from None

    def _check(self) -> None:
        found = self._client.run(made_of, on_error="return")
        if not found:
            raise ExecutorError(f"The scheduler at {self.address} has no workers. Start one on each machine, with the "
                                f"course's Python: `dask worker {self.address}`.")
        if wrong := [_other(address, there, self._here) for address, there in found.items() if there != self._here]:
            raise ExecutorError("\n".join([*wrong, "Check out the same commit there, run `python course.py setup`, set "
                                           f"the same COURSE_MODEL or COURSE_WEIGHTS, start it anew. {AGAIN}"]))


def _connected(address: str) -> Client:
    try:
        from distributed import Client  # few need it, and it takes a while
    except ImportError:
        raise ExecutorError("A cluster needs Dask, which is not installed here. Install it with "
                            f"`{sys.executable} -m pip install -e \".[cluster]\"`.") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)      # what it logs is said here in a sentence
    try:
        asyncio.run(asyncio.wait_for(_knock(address), CONNECT))
        return Client(address, timeout=CONNECT, set_as_default=False)
    except Exception as error:      # of any kind: who knows what answers there
        raise ExecutorError(f"No scheduler answers at {address} ({str(error) or type(error).__name__}). Start one with "
                            "`dask scheduler` and give the address it prints, as in tcp://10.0.0.1:8786.") from None


async def _knock(address: str) -> None:
    """Connect and hang up. A client would wait for ever where something listens that is no scheduler."""
    from distributed.comm import connect
    (await connect(address, timeout=CONNECT)).abort()


def _at_a_worker(task: bytes, wanted: dict[str, str]) -> dict:
    """Do a run where Dask has sent it. Looks once more whether it may: a worker may have come late."""
    from distributed import get_worker
    worker = get_worker()
    key = worker.get_current_task()

    def stopped() -> bool:      # Dask leaves a thread alone whose result nobody wants any more: see for ourselves
        state = worker.state.tasks.get(key)
        return state is None or state.state == "cancelled"
    if (there := made_of()) != wanted:
        raise ExecutorError(_other(worker.address, there, wanted))
    with _ONE_AT_A_TIME:
        return alone(task, stopped, worker.state.nthreads)


def made_of() -> dict[str, str]:
    """Return what decides results on a machine, by name. Raises WeightsError.

    Example: made_of() -> {"Python": "3.12", "torch": "2.13.0", ..., "code of the course": "51bd0f3a", "weights": "..."}
    """
    return {"Python": f"{sys.version_info[0]}.{sys.version_info[1]}", **{name: _version(name) for name in PACKAGES},
            "code of the course": _code(), "weights": weights.chat_model_fingerprint()}


def _version(package: str) -> str:
    """Return a package's version, whatever it was built for: on a GPU torch is 2.13.0+cu130."""
    try:
        return version(package).split("+")[0]
    except PackageNotFoundError:
        return "none"


def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "helpers").rglob("*.py")):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\n{path.read_text(encoding='utf-8')}".encode())
    return digest.hexdigest()[:8]


def _other(address: str, there: dict[str, str] | Exception, here: dict[str, str]) -> str:
    """Example: -> "The worker at tcp://10.0.0.2:4711 has another torch (2.9.0 there, 2.13.0 here)." """
    if isinstance(there, Exception):
        return (f"The worker at {address} has another version of the course, or none "
                f"({type(there).__name__}: {there}).")
    differ = [f"{name} ({there.get(name, 'none')} there, {value} here)" for name, value in here.items()
              if there.get(name) != value]
    return f"The worker at {address} has another {', another '.join(differ)}."
