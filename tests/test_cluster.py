"""On a cluster the results are those of this machine, a lost worker's run is done again, and nothing is done twice."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import LocalCluster

from helpers import cluster
from helpers.cluster import Cluster, made_of
from helpers.executor import ExecutorError, Processes, each
from helpers.experiments.runs import carry_out
from helpers.settings import ROOT
from tests.conftest import set_only, with_weights
from tests.experiments import toys
from tests.experiments.toys import Toy, lines
from tests.test_executor import ctrl_c_when, log, numbered

__all__ = ["log"]       # a fixture

UNLIKE = {"seconds", "date"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """The folder that the cluster's workers keep weights in."""
    return tmp_path_factory.mktemp("cluster") / "cache"


@pytest.fixture(scope="module")
def local(cache):
    """Two workers, each a process, that are begun anew when they are killed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        set_only(monkeypatch, COURSE_CACHE=cache)
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as one:
            yield one


@pytest.mark.live
def test_results_are_those_of_this_machine(local, cache, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(with_weights(cache)))
    with Processes() as here, Cluster(local.scheduler_address) as there:
        at_home, away = ([bare(row) for _, row in each(carry_out, [toys.point(7)], places)] for places in (here, there))
    assert away == at_home
    assert away[0]["id"] == toys.point(7).id and away[0]["exams"]["test"]["rows"][0][3]


def bare(row: object) -> object:
    """Return a row without what is another every time."""
    return {name: bare(value) for name, value in row.items() if name not in UNLIKE} if isinstance(row, dict) else row


def test_a_lost_workers_run_is_done_again_and_each_result_comes_once(local, log):
    with Cluster(local.scheduler_address) as places:
        found = [(toy.number, result["square"])
                 for toy, result in each(toys.its_worker_dies_once, numbered(log, 3), places)]
    assert sorted(found) == [(1, 1), (2, 4), (3, 9)]
    wait_until(lambda: "interrupted" in lines(log))     # the orphan heard that nobody waits for it any more
    assert sorted(lines(log)) == ["1", "2", "3", "3", "interrupted"]      # and nothing else that was done there


def test_a_result_that_has_come_is_forgotten_there(local, log):
    """Dask would compute it again when it loses the worker that holds it."""
    with Cluster(local.scheduler_address) as places:
        for _, result in each(toys.square, numbered(log, 1), places):
            assert result["square"] == 1
            wait_until(lambda: not local.scheduler.tasks)


def test_a_run_that_takes_its_workers_along_is_given_up_in_a_sentence(local, log, monkeypatch):
    monkeypatch.setattr(local.scheduler, "allowed_failures", 0)
    with pytest.raises(ExecutorError, match=r"toy 2: every worker that began it died(.|\n)*What is done is kept"), \
            Cluster(local.scheduler_address) as places:
        list(each(toys.its_worker_dies, [Toy(2, log)], places))


def test_a_failure_is_told_as_it_was_there(local, log):
    with pytest.raises(ExecutorError, match="toy 2: ValueError: 2 is even"), Cluster(local.scheduler_address) as places:
        list(each(toys.odd, [Toy(2, log)], places))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pthread_kill")
def test_ctrl_c_stops_the_runs_there_too(local, log):
    found = []
    pressed = ctrl_c_when(lambda: "2" in lines(log) and found)
    with pytest.raises(KeyboardInterrupt), Cluster(local.scheduler_address) as places:
        for toy, _ in each(toys.slow_from_two, numbered(log, 2), places):
            found.append(toy.number)
    pressed.join()
    assert found == [1]
    wait_until(lambda: lines(log)[-1] == "interrupted")


def wait_until(condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


# ---------------------------------------------------------------- a cluster that will not do

def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT", 1)
    with pytest.raises(ExecutorError, match=r"No scheduler answers at tcp://127\.0\.0\.1:1 \(.*`dask scheduler`"):
        Cluster("tcp://127.0.0.1:1")


def test_something_that_is_no_scheduler(monkeypatch, loopback):
    monkeypatch.setattr(cluster, "CONNECT", 1)
    address = loopback(lambda asked: None, prefix="").removeprefix("http://")
    with pytest.raises(ExecutorError, match=f"No scheduler answers at {address}"):
        Cluster(address)


def test_no_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ExecutorError, match=r'pip install -e "\.\[cluster\]"`'):
        Cluster("tcp://127.0.0.1:1")


def test_no_worker_and_then_one_with_other_code_package_and_weights(monkeypatch, tmp_path):
    with LocalCluster(n_workers=0, dashboard_address=":0", silence_logs=50) as empty:
        address = empty.scheduler_address
        with pytest.raises(ExecutorError, match=f"The scheduler at {address} has no workers"):
            Cluster(address)
        with worker(address, another_course(tmp_path), COURSE_MODEL="smollm2-135m"), \
                pytest.raises(ExecutorError) as told:
            wait_until(lambda: empty.scheduler.workers)
            Cluster(address)
    here, said = made_of(), str(told.value)
    assert said.startswith("The worker at tcp://127.0.0.1:")
    assert f"another torch (9.9.9 there, {here['torch']} here), another code of the course (" in said
    assert f"another weights (smollm2-135m:b179c9523d0e:q8_0-1 there, {here['weights']} here)." in said
    assert "transformers" not in said and "Python (" not in said
    assert "What is done is kept" in said


def another_course(folder: Path) -> Path:
    """Return a folder with the course's code, a line longer, and a torch of another version, as far as pip knows."""
    shutil.copytree(ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "helpers" / "voice.py").open("a", encoding="utf-8") as file:
        file.write("# edited\n")
    (folder / "torch-9.9.9.dist-info").mkdir()
    (folder / "torch-9.9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9\n")
    return folder


class worker:
    """A worker that is started in a folder, as on another machine; it ends with the block."""

    def __init__(self, address: str, folder: Path, **settings: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dask", "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"],
            cwd=folder, env=os.environ | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def test_a_worker_without_the_course_is_named():
    said = cluster._other("tcp://10.0.0.2:4711", ModuleNotFoundError("No module named 'helpers'"), made_of())
    assert said == ("The worker at tcp://10.0.0.2:4711 has another version of the course, or none "
                    "(ModuleNotFoundError: No module named 'helpers').")


def test_a_worker_that_comes_late_is_looked_at_too(local, log, monkeypatch):
    with pytest.raises(ExecutorError, match=r"toy 1: The worker at tcp://.* has another torch \(.* there, 0 here\)"), \
            Cluster(local.scheduler_address) as places:
        monkeypatch.setattr(places, "_here", places._here | {"torch": "0"})
        list(each(toys.square, numbered(log, 1), places))
    assert lines(log) == []
