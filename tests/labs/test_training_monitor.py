"""The training monitor on a job that is played: it looks, stops looking, cancels at the second press."""
from __future__ import annotations

import threading
from types import SimpleNamespace as Named

import pytest

from helpers import finetuning
from helpers.labs import page, training_monitor
from helpers.labs.training_monitor import SURE, TrainingMonitor

MODEL = "ft:course-135m:course::1a2b3c4d"


class Played:
    """A client whose one job takes a step at every look, and holds from `until` on."""

    def __init__(self, steps: int = 4, until: int = 99, failing: str = ""):
        self.steps, self.until, self.failing = steps, until, failing
        self.step, self.cancelled, self.gate = 0, False, threading.Event()
        jobs = Named(retrieve=self.retrieve, list_events=self.events, cancel=self.cancel)
        self.fine_tuning = Named(jobs=jobs)

    def retrieve(self, name: str):
        if self.failing:
            raise ValueError(self.failing)
        self.step = min(self.step + 1, self.until)
        status = "cancelled" if self.cancelled else "succeeded" if self.step > self.steps else "running"
        return Named(status=status, fine_tuned_model=MODEL if status == "succeeded" else None, error=None,
                     result_files=[])

    def events(self, name: str, limit: int):
        data = [{"step": n, "train_loss": 2 / n, "total_steps": self.steps, "seconds_left": 5.0 * (self.steps - n)}
                for n in range(1, min(self.step, self.steps) + 1)]
        return [Named(type="metrics", data=one) for one in reversed(data)]

    def cancel(self, name: str) -> None:
        self.cancelled = True


def watching(client: Played) -> TrainingMonitor:
    monitor = TrainingMonitor(client, "ftjob-1", every=0.01)
    monitor.redraw(next(finetuning.follow(client, "ftjob-1")))
    monitor.begin()
    return monitor


def settled(monitor) -> TrainingMonitor:
    monitor.cancelling.join()
    monitor.work.join()
    return monitor


def test_it_looks_until_the_job_has_ended():
    monitor = settled(watching(Played()))
    assert monitor.message.text == (f"ftjob-1: step 4 of 4, training loss 0.50. It has succeeded: "
                                    f"the model is {MODEL}")
    assert "<polyline" in monitor.result.value
    assert monitor.again.disabled and monitor.stop.disabled and monitor.cancel.disabled


def test_it_says_how_much_time_is_left():
    monitor = TrainingMonitor(Played(), "ftjob-1")
    monitor.redraw(next(finetuning.follow(monitor.client, "ftjob-1")))
    assert monitor.message.text == "ftjob-1: step 1 of 4, training loss 2.00, about 15 s left"
    assert not monitor.cancel.disabled


def test_looking_can_be_stopped_and_taken_up_again_and_the_job_goes_on():
    client = Played(until=2)
    monitor = watching(client)
    monitor.stop.click()
    settled(monitor)
    assert monitor.message.text == "ftjob-1 goes on without being watched." and not client.cancelled
    assert not monitor.again.disabled and monitor.stop.disabled
    client.until = 99
    monitor.again.click()
    assert "succeeded" in settled(monitor).message.text


def test_one_press_of_cancel_asks_and_the_second_cancels():
    client = Played(until=2)
    monitor = watching(client)
    monitor.cancel.click()
    assert monitor.cancel.description == SURE and not client.cancelled
    monitor.cancel.click()
    settled(monitor)
    assert client.cancelled and "It was cancelled: there is no model" in monitor.message.text
    assert "left" not in monitor.message.text       # of what has ended, no time is left
    assert monitor.cancel.disabled


def test_a_job_can_be_cancelled_when_nobody_looks():
    client = Played(until=2)
    monitor = TrainingMonitor(client, "ftjob-1", every=0.01)
    monitor.redraw(next(finetuning.follow(client, "ftjob-1")))
    monitor.cancel.click(), monitor.cancel.click()
    settled(monitor)
    assert settled(monitor).look.job.status == "cancelled"


def test_an_error_stands_in_the_lab_and_looking_can_be_tried_again():
    client = Played()
    monitor = TrainingMonitor(client, "ftjob-1", every=0.01)
    monitor.redraw(next(finetuning.follow(client, "ftjob-1")))
    client.failing = "The service on this machine is gone. Start it again."
    monitor.begin()
    assert settled(monitor).message.text == f"Not done: {client.failing}" and not monitor.again.disabled


@pytest.mark.parametrize(("replay", "threads"), [("only", 0), ("auto", 1)])
def test_in_a_replay_nothing_is_watched_behind_the_page(monkeypatch, replay, threads):
    monkeypatch.setenv("COURSE_REPLAY", replay)
    shown, begun = [], []
    monkeypatch.setattr(page, "display", lambda bundle, raw: shown.append(bundle))
    monkeypatch.setattr(TrainingMonitor, "begin", lambda monitor: begun.append(monitor))
    training_monitor(Played(), "ftjob-1")
    assert len(begun) == threads and "step 1 of 4" in shown[0]["text/plain"] and "<svg" in shown[0]["text/html"]
