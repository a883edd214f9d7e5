"""Runs are done each in a process of its own, once each; a failure or Ctrl-C keeps what is done."""
from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from helpers.executor import ExecutorError, Processes, each
from helpers.experiments import __main__ as command
from helpers.experiments import points, tickets
from helpers.experiments.letters import voice
from tests.experiments import toys
from tests.experiments.toys import Toy, lines


@pytest.fixture
def log(tmp_path) -> Path:
    return tmp_path / "log"


def numbered(log: Path, count: int) -> list[Toy]:
    return [Toy(number, log) for number in range(1, count + 1)]


def ctrl_c_when(condition) -> threading.Thread:
    """Press Ctrl-C as soon as the condition holds."""
    def press() -> None:
        while not condition():
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    return thread


def test_each_item_is_done_once_and_the_next_is_asked_for_when_a_place_is_free(log):
    asked = []

    def one_by_one():
        for toy in numbered(log, 2):
            asked.append(toy.number)
            yield toy
    with Processes() as places:
        for toy, result in each(toys.square, one_by_one(), places):
            assert result == {"square": toy.number ** 2, "threads": os.environ.get("OMP_NUM_THREADS")}
            assert asked == list(range(1, toy.number + 1))
    assert lines(log) == ["1", "2"]


def test_side_by_side_the_results_are_the_same_and_the_processor_is_shared(log):
    with Processes(2) as places:
        found = {toy.number: result for toy, result in each(toys.square, numbered(log, 2), places)}
    assert {number: result["square"] for number, result in found.items()} == {1: 1, 2: 4}
    assert {result["threads"] for result in found.values()} == {str(max(1, (os.cpu_count() or 1) // 2))}


def test_after_a_failure_none_is_begun_and_the_message_names_run_cause_and_way(log):
    found = {}
    with pytest.raises(ExecutorError) as told, Processes() as places:
        for toy, result in each(toys.odd, numbered(log, 3), places):
            found[toy.number] = result["square"]
    assert str(told.value) == ("toy 2: ValueError: 2 is even\n"
                               "What is done is kept: the same command goes on from there.")
    assert found == {1: 1} and lines(log) == ["1", "2"]


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
def test_a_process_that_the_system_ends_says_so(log):
    with pytest.raises(ExecutorError, match=r"toy 1: .*signal 9.*memory"), Processes() as places:
        list(each(toys.dies, numbered(log, 1), places))


@pytest.mark.parametrize("plan", [tickets.two_conditions, tickets.forgetting, tickets.split_category, voice])
def test_a_plan_can_be_sent_to_another_process(plan):
    point = plan()[0]
    sent = pickle.loads(pickle.dumps(point))
    assert sent.id == point.id and str(sent) == str(point)
    assert sent.exams[0].questions[0].mark("urgent") == point.exams[0].questions[0].mark("urgent")


# ---------------------------------------------------------------- the command

@pytest.fixture
def commanded(monkeypatch, tmp_path, log):
    """Return a function that runs the command with toy experiments and toy work."""
    monkeypatch.setattr(points, "RESULTS", tmp_path)
    monkeypatch.setenv(toys.LOG, str(log))

    def run(work, experiments, *arguments: str) -> None:
        monkeypatch.setattr(command, "carry_out", work)
        monkeypatch.setattr(command, "EXPERIMENTS", experiments)
        monkeypatch.setattr(sys, "argv", ["experiments", *arguments])
        command.main()
    return run


def after(first: str):
    """Return a plan that waits for another experiment."""
    def plan():
        if not points.rows(first):
            raise LookupError(f"there are no runs of {first}")
        return [toys.point(9, "second")]
    return plan


def test_what_is_done_is_not_sent_and_what_waits_is_done_afterwards(commanded, capfd):
    plans = {"second": after("toy"), "toy": lambda: [toys.point(1)]}
    for _ in range(2):
        commanded(toys.row, plans)
    said = capfd.readouterr().out
    assert [row["settings"]["number"] for name in plans for row in points.rows(name)] == [9, 1]
    assert said.count("training ") == 2 and said.index("later    second") < said.index("training second: number 9")
    assert "done     toy: number 1\n  test: 1 of 1 right, 1 s\n" in said


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pthread_kill")
def test_ctrl_c_keeps_what_is_done_lets_a_run_write_its_checkpoint_and_says_how_to_go_on(commanded, log):
    begun = []      # timed from here: how long two processes take to start is not what is asked
    pressed = ctrl_c_when(lambda: "2" in lines(log) and not begun.append(time.monotonic()))
    with pytest.raises(SystemExit, match=r"Stopped\. What is done is kept: the same command goes on"):
        commanded(toys.slow_row_from_two, {"toy": lambda: [toys.point(number) for number in (1, 2, 3)]})
    pressed.join()
    assert [row["settings"]["number"] for row in points.rows("toy")] == [1]
    assert lines(log) == ["1", "2", "interrupted"] and time.monotonic() - begun[0] < 45


def test_no_run_is_begun_when_the_time_is_over(commanded, capfd):
    commanded(toys.row, {"toy": lambda: [toys.point(1)]}, "--minutes", "0")
    assert "The time is over; the same command goes on from there." in capfd.readouterr().out
    assert points.rows("toy") == []


@pytest.mark.parametrize(("arguments", "said"), [
    (["--workers", "0"], "at least one"), (["--workers", "2", "--scheduler", "tcp://127.0.0.1:1"], "not allowed with")])
def test_a_place_that_cannot_be_is_refused(commanded, capsys, arguments, said):
    with pytest.raises(SystemExit) as stopped:
        commanded(toys.row, {}, *arguments)
    assert said in f"{stopped.value} {capsys.readouterr().err}"
