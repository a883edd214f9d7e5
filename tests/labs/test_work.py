"""Work on a thread of its own: it goes on, is stopped, fails and is replaced without anybody waiting for it."""
from __future__ import annotations

import threading

from helpers.labs.work import DONE, FAILED, IDLE, RUNNING, STOPPED, Work, said


class Watched:
    """Takes down what a work says."""

    def __init__(self):
        self.work, self.items, self.ends = Work(), [], []

    def start(self, steps) -> Watched:
        self.work.start(steps, self.items.append, lambda work: self.ends.append(work.state))
        return self


def held(gate: threading.Event, count: int = 3):
    """Yield numbers, the second and later ones only when the gate is open."""
    for number in range(count):
        if number:
            gate.wait(10)
        yield number


def test_what_is_done_was_seen_item_by_item():
    seen = Watched()
    assert seen.work.state == IDLE
    seen.start(iter("abc")).work.join()
    assert (seen.items, seen.ends, seen.work.error) == (["a", "b", "c"], [DONE], None)


def test_starting_does_not_wait():
    gate = threading.Event()
    seen = Watched().start(held(gate))
    assert seen.work.state == RUNNING and seen.ends == []
    gate.set()
    seen.work.join()
    assert seen.work.state == DONE


def test_stopped_in_the_middle_no_further_step_is_shown():
    gate = threading.Event()
    seen = Watched().start(held(gate))
    seen.work.stop()
    gate.set()
    seen.work.join()
    assert seen.ends == [STOPPED] and len(seen.items) <= 1 and not seen.work.running


def test_a_failure_is_kept_and_not_raised():
    def failing():
        yield 1
        raise ValueError("k=0 is too few")
    seen = Watched().start(failing())
    seen.work.join()
    assert seen.ends == [FAILED] and seen.items == [1] and str(seen.work.error) == "k=0 is too few"


def test_what_is_started_silences_what_was_running():
    gate = threading.Event()
    seen = Watched().start(held(gate))
    first = seen.work._thread
    seen.start(iter("xy")).work.join()
    gate.set()
    first.join(10)
    assert seen.ends == [DONE] and seen.items[-2:] == ["x", "y"] and 1 not in seen.items


def test_a_pause_ends_with_the_stop():
    seen = Watched()

    def waiting():
        yield 1
        seen.work.pause(60)
        yield 2
    seen.start(waiting())
    seen.work.stop()
    seen.work.join(10)
    assert seen.ends == [STOPPED] and 2 not in seen.items


def test_an_error_that_says_what_next_is_left_as_it_is():
    assert said(ValueError("k=0. Take 1 or more.")) == "k=0. Take 1 or more."
    assert said(KeyError("label")) == "KeyError: 'label'. Nothing was lost: change it and try again."
