"""The trainer: a process of its own that one can kill, cancel and outlive; in the end a real training."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from helpers.local import files, jobs, room, trainer, tuned, weights
from helpers.local.engine import ChatEngine
from helpers.local.jobs import Base, Hyperparameters, Job, Wish
from helpers.settings import ROOT
from tests.conftest import REAL_CACHE
from tests.tuning import PRETENDING, ended, examples, messages, pretend, uploaded, wish

TWO = Hyperparameters(n_epochs=2)       # four steps, when only pretended


@pytest.fixture
def make(tmp_path) -> Callable[..., Job]:
    return lambda **more: jobs.create(wish(tmp_path, **{"hyperparameters": TWO} | more))


@pytest.fixture
def pretending(monkeypatch) -> Iterator[Callable[..., None]]:
    """Let trainers pretend: pretending(seconds=0.2, killed_at=3). None of them outlives the test."""
    monkeypatch.setattr(trainer, "COMMAND", PRETENDING)
    monkeypatch.setattr(trainer, "_started", None)
    yield lambda **options: monkeypatch.setenv("PRETEND", json.dumps(options))
    if trainer._started is not None:
        trainer._started.kill()
        trainer._started.wait()


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


# ---------------------------------------------------------------- a job, in this process

@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(trainer, "train", pretend)


def test_a_job_ends_with_a_model_its_checkpoints_and_a_table(make, quick):
    job = make(suffix="tickets")
    trainer.work(job)
    card = job.card
    assert (card["status"], card["fine_tuned_model"], card["trained_tokens"]) == ("succeeded", job.model, 200)
    assert [model.card["id"] for model in tuned.checkpoints(job.model)] == [job.model, f"{job.model}:ckpt-step-2"]
    assert tuned.find(job.model).card["metrics"] == {"step": 4, "train_loss": 0.5, "full_valid_loss": 1.0}
    (table,) = card["result_files"]
    assert files.find(table).content.read_text().splitlines() == [
        "step,train_loss,full_valid_loss", "1,2.0,", "2,1.0,1.0", "3,0.6667,", "4,0.5,1.0"]
    assert not list(job.folder.glob("*.safetensors")) and not (job.folder / "checkpoint.pt").exists()


def test_each_step_is_an_event_with_what_a_plot_needs(make, quick):
    job = make()
    trainer.work(job)
    metrics = [event["data"] for event in reversed(job.events()) if event["type"] == "metrics"]
    assert [one["step"] for one in metrics] == [1, 2, 3, 4]
    assert metrics[1].items() >= {"total_steps": 4, "train_loss": 1.0, "full_valid_loss": 1.0}.items()
    assert metrics[0]["seconds_left"] >= 0 and metrics[0]["tokens_per_second"] > 0
    assert messages(job)[3:6] == ["Fine-tuning job started", "Step 1/4: training loss=2.00",
                                  "Step 2/4: training loss=1.00, validation loss=1.00"]


REASONS = {
    "memory":   (RuntimeError("CPU: can't allocate memory: 9 bytes"), "insufficient_memory", "smaller batch_size"),
    "a disk":   (OSError(28, "No space left on device"), "disk", "No space left on device.*Free some disk space"),
    "a fault":  (KeyError("lm_head"), "training_failed", "KeyError: 'lm_head'"),
    "no room":  (room.NoRoom("needs more", "insufficient_disk"), "insufficient_disk", "needs more"),
    "data":     (trainer.Hopeless("too long", "invalid_training_file"), "invalid_training_file", "too long"),
}


@pytest.mark.parametrize("name", REASONS)
def test_what_goes_wrong_is_the_jobs_reason(make, monkeypatch, name):
    error, code, words = REASONS[name]

    def fail(*_: object) -> None:
        raise error
    monkeypatch.setattr(trainer, "train", fail)
    job = make()
    trainer.work(job)
    assert (job.card["status"], job.card["error"]["code"]) == ("failed", code)
    with pytest.raises(ValueError, match=words):
        raise ValueError(job.card["error"]["message"])


def test_of_two_jobs_alike_only_the_first_is_trained(make, quick, monkeypatch):
    first, second = make(), make()
    trainer.work(first)
    monkeypatch.setattr(trainer, "train", None)
    trainer.work(second)
    assert second.card["fine_tuned_model"] == first.card["fine_tuned_model"]


def test_a_cancelled_job_keeps_its_checkpoints(make, monkeypatch):
    monkeypatch.setattr(trainer, "LOOK_EVERY", 0.01)
    job = make()

    def cancelled(job: Job, progress: Callable) -> None:
        def report(step: int, *more: object) -> None:
            progress(step, *more)
            if step == 3:
                job.cancel()
                for _ in range(200):        # however busy the machine is; the interruption ends it
                    time.sleep(0.05)
        pretend(job, report)
    monkeypatch.setattr(trainer, "train", cancelled)
    trainer.work(job)
    assert job.card["status"] == "cancelled"
    assert [model.card["step"] for model in tuned.checkpoints(job.model)] == [2]
    assert messages(job)[-1] == "The job was cancelled; 1 checkpoints are kept."


def test_a_trainer_told_to_stop_leaves_the_job_for_another_time(make, monkeypatch):
    def told(*_: object) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(trainer, "train", told)
    job = make()
    trainer.work(job)
    assert job.card["status"] == "running"
    monkeypatch.setattr(trainer, "train", pretend)
    trainer.work(job)
    assert job.card["status"] == "succeeded"
    assert any("it goes on from the beginning" in message for message in messages(job))


# ---------------------------------------------------------------- a process of its own

def test_a_job_is_done_by_whoever_looks_and_two_jobs_queue(make, pretending):
    pretending(seconds=0.1)
    first, second = make(), make(seed=1)
    trainer.wake()
    assert ended(first)["status"] == "succeeded"
    until(lambda: second.ended)         # nobody woke it: the first trainer did
    assert second.card["finished_at"] >= first.card["finished_at"]
    started = [event["created_at"] for event in second.events() if event["message"] == "Fine-tuning job started"]
    assert started[0] >= first.card["finished_at"] - 1


def test_a_second_look_starts_no_second_trainer(make, pretending):
    pretending(seconds=0.3)
    job = make()
    trainer.wake()
    until(lambda: job.card["status"] == "running")
    trainer._started, first = None, trainer._started     # as another service, which started none
    trainer.wake()
    assert trainer._started is None
    trainer._started = first


def test_a_killed_trainer_goes_on_from_its_checkpoint(make, pretending):
    pretending(killed_at=3)
    job = make()
    assert ended(job)["status"] == "succeeded"
    steps = [event["data"]["step"] for event in reversed(job.events()) if event["type"] == "metrics"]
    assert steps == [1, 2, 3, 4]        # the steps before the checkpoint are not done again
    assert any("it goes on from its last checkpoint" in message for message in messages(job))


def test_a_trainer_that_is_killed_again_and_again_fails_with_the_reason(make, pretending):
    pretending(killed_at=1)
    job = make()
    card = ended(job)
    assert (card["status"], card["error"]["code"]) == ("failed", "training_process_killed")
    assert "killed 3 times without coming to a checkpoint" in card["error"]["message"]


def test_a_cancel_takes_effect_within_seconds_and_the_next_job_begins(make, pretending):
    pretending(seconds=60)
    first, second = make(), make(seed=1)
    trainer.wake()
    until(lambda: first.card["status"] == "running")
    first.cancel()
    until(lambda: first.ended, 30)      # a step takes a minute
    until(lambda: second.card["status"] == "running")
    second.cancel()
    until(lambda: second.ended, 30)


PARENT = """
import os, sys, signal
from pathlib import Path
from helpers.local import trainer
signal.signal(signal.SIGINT, signal.SIG_IGN)
trainer.COMMAND[:] = [sys.executable, "-m", "tests.tuning"]
trainer.wake()
print(trainer._started.pid, os.getpgid(trainer._started.pid) != os.getpgid(0), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_job_outlives_the_process_that_asked_for_it(make, pretending):
    pretending(seconds=1.5)
    job = make()
    parent = subprocess.run([sys.executable, "-c", PARENT], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    pid, own_group = parent.stdout.split()
    assert own_group == "True"          # a Ctrl-C in the notebook does not reach it
    until(lambda: job.card["status"] == "running")
    assert psutil.pid_exists(int(pid)) and not job.ended
    until(lambda: job.ended)
    assert job.card["status"] == "succeeded"


def test_a_trainer_told_to_stop_by_the_system_frees_the_lock(make, pretending):
    pretending(seconds=60)
    job = make()
    trainer.wake()
    until(lambda: job.card["status"] == "running")
    os.kill(trainer._started.pid, signal.SIGTERM)
    trainer._started.wait(timeout=10)
    assert trainer._nobody_works() and job.card["status"] == "running"


# ---------------------------------------------------------------- for real

@pytest.mark.live
def test_a_real_job_tunes_a_model_that_answers(monkeypatch, tmp_path):
    raw = REAL_CACHE / f"{weights.SMOLLM2.name}.{weights.SMOLLM2.recipe}.gguf"
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "own"))        # jobs and models of this test alone
    once = Hyperparameters(n_epochs=1, batch_size=3, learning_rate_multiplier=3.0)
    name = uploaded(examples(answer="banana"))
    job = jobs.create(Wish(Base("raw", str(raw), "raw:1"), name, name, once))
    assert ended(job, patience=300)["status"] == "succeeded", messages(job)
    metrics = tuned.find(job.model).card["metrics"]
    assert metrics["step"] == 4 and metrics["train_loss"] < 1.0
    engine = ChatEngine(tuned.find(job.model).file())
    request = {"messages": [{"role": "user", "content": "Is 4 a number?"}], "max_tokens": 4, "temperature": 0}
    assert engine.complete(request)["choices"][0]["message"]["content"].strip() == "banana"


@pytest.mark.live
def test_examples_that_are_too_long_or_teach_nothing_are_left_out_aloud(make, monkeypatch):
    raw = Path(REAL_CACHE / f"{weights.SMOLLM2.name}.{weights.SMOLLM2.recipe}.gguf")
    monkeypatch.setattr(trainer, "LONGEST", 40)
    silent = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "x", "weight": 0}]}
    long = {"messages": [{"role": "user", "content": "Hi " * 50}, {"role": "assistant", "content": "x"}]}
    job = make()
    job.training.write_bytes(examples() + b"".join(json.dumps(row).encode() + b"\n" for row in (silent, long)))
    assert len(trainer._short_enough(job, job.training, raw)) == 10
    assert "training file: 2 of 12 examples are left out" in messages(job)[-1]
    monkeypatch.setattr(trainer, "LONGEST", 4)
    with pytest.raises(trainer.Hopeless, match="each of the 12 examples is longer than 4 tokens"):
        trainer._short_enough(job, job.training, raw)
