"""Do a fine-tuning job in a process of its own, which outlives the service and the notebook that asked for it.

    python -m helpers.local.trainer FOLDER      what wake() starts, for the oldest job that waits

One trainer is at work at a time: it holds a lock, which the system frees however the process ends. Whoever looks at
jobs calls wake(), so that a job whose trainer was killed goes on, from its last checkpoint.
Does not: know HTTP (see tuning_api.py), or how training is done (see training.py).
"""
from __future__ import annotations

import _thread
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from helpers.local import conversations, files, jobs, room, tuned
from helpers.local.jobs import Hyperparameters, Job
from helpers.local.weights import WeightsError
from helpers.settings import ROOT

if TYPE_CHECKING:       # torch takes seconds to import, and the service needs wake() only
    from helpers.local.training import Losses, Recipe

    Progress = Callable[[int, int, Losses], None]

COMMAND = [sys.executable, "-m", "helpers.local.trainer"]
MOST_STARTS = 3         # without a checkpoint in between
SAVE_EVERY = 30         # seconds
LOOK_EVERY = 0.3        # seconds, for somebody who asks for the end
LEARNING_RATE = 1e-3
RANK = 16               # of the adapter; its alpha is twice that
LONGEST = 2_048         # tokens of an example
READ_AT_ONCE = 512      # tokens; a larger batch is read in parts. Of twice as many the longest needed 4.5 GB of memory
_waking = threading.Lock()
_started: subprocess.Popen | None = None


@dataclass(frozen=True)
class Result:
    """What a training left behind."""

    adapter: Path
    losses: list[float]
    validation: dict[int, float]        # by the step that ended an epoch
    tokens: int


class Hopeless(RuntimeError):
    """The job cannot be done; `code` is OpenAI's kind of word for the reason."""

    def __init__(self, message: str, code: str):
        super().__init__(message)
        self.code = code


# ---------------------------------------------------------------- starting

def wake() -> None:
    """Start a trainer for the oldest job that waits, unless one is at work."""
    global _started
    with _waking:
        if _started is not None and _started.poll() is None:
            return
        waiting = jobs.waiting()
        if waiting and _nobody_works():
            with (waiting[0].folder / "trainer.log").open("a") as log:
                _started = subprocess.Popen([*COMMAND, str(waiting[0].folder)], cwd=ROOT, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, **own_group())


def own_group() -> dict:
    """Return what keeps a Ctrl-C meant for the notebook away from a process it starts."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _nobody_works() -> bool:
    with suppress(Timeout), jobs.training_lock().acquire(timeout=0):
        return True
    return False


def main() -> None:
    """Do the job in the folder that the command line names, then start the next."""
    for told_to_end in (signal.SIGINT, signal.SIGTERM):     # the service ignores Ctrl-C, and its children inherit that
        signal.signal(told_to_end, signal.default_int_handler)
    job = Job(Path(sys.argv[1]))
    with suppress(Timeout), jobs.training_lock().acquire(timeout=5):
        work(job)
    if job.ended:       # or it would be started again and again
        wake()


# ---------------------------------------------------------------- a job

def work(job: Job) -> None:
    """Do a job and end it with a model or a reason. Told to stop, it is left as it is and goes on another time."""
    threading.Thread(target=_interrupt_when_cancelled, args=(job,), daemon=True).start()
    try:
        _start(job)
        if not jobs.is_there(job) and job.change(status="running"):
            job.say("Fine-tuning job started")
            _finish(job, train(job, _reporting(job)))
    except KeyboardInterrupt:
        if job.cancel_asked:
            job.end("cancelled", f"The job was cancelled; {len(tuned.checkpoints(job.model))} checkpoints are kept.")
    except Exception as error:
        job.fail(*_reason(error))
    if job.ended:
        (job.folder / "checkpoint.pt").unlink(missing_ok=True)


def _interrupt_when_cancelled(job: Job) -> None:
    """Raise KeyboardInterrupt in the main thread, whatever it is at: reading weights, a step, merging."""
    while not job.cancel_asked:
        if job.ended:
            return
        time.sleep(LOOK_EVERY)
    _thread.interrupt_main()


def _start(job: Job) -> None:
    """Count the start, and see that the job can still be done."""
    if job.card["status"] == "validating_files":        # the service was killed while it looked at them
        jobs.look_at_files(job)
    starts = _starts_since_checkpoint(job)
    if starts >= MOST_STARTS:
        raise Hopeless(f"The training process was killed {starts} times without coming to a checkpoint. Mostly that is "
                       f"too little memory: close other programs, or use a smaller batch_size. {_last_words(job)}",
                       "training_process_killed")
    with (job.folder / "starts").open("a") as file:
        file.write(f"{time.time()}\n")
    checkpoint = (job.folder / "checkpoint.pt").exists()
    if starts or checkpoint:
        job.say("The training process ended before the job did; it goes on from "
                f"{'its last checkpoint' if checkpoint else 'the beginning'}", "warn")
    room.need(Path(job.base.weights))


def _starts_since_checkpoint(job: Job) -> int:
    starts, checkpoint = job.folder / "starts", job.folder / "checkpoint.pt"
    since = checkpoint.stat().st_mtime if checkpoint.exists() else 0
    return sum(float(line) > since for line in starts.read_text().split()) if starts.exists() else 0


def _last_words(job: Job) -> str:
    log = job.folder / "trainer.log"
    words = log.read_text(errors="replace").split("\n")[-4:] if log.exists() else []
    return f"Its last words: {' '.join(words).strip()[-300:]!r}" if any(words) else "It left no last words."


def _reason(error: Exception) -> tuple[str, str]:
    """Return a sentence and a code for what went wrong."""
    if isinstance(error, Hopeless | room.NoRoom):
        return str(error), error.code
    if isinstance(error, conversations.NotTeachable):
        return f"The training data cannot be learned. {error}", "invalid_training_file"
    if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
        return "Memory ran out. Close other programs, or use a smaller batch_size.", "insufficient_memory"
    if isinstance(error, WeightsError):
        return str(error), "weights"
    if isinstance(error, OSError):
        return (f"Reading or writing broke off ({error.strerror or error}). Free some disk space, or set COURSE_CACHE "
                "to another disk, then create the job again."), "disk"
    return f"Training failed: {type(error).__name__}: {error}", "training_failed"


# ---------------------------------------------------------------- training, and what is said meanwhile

def train(job: Job, progress: Progress) -> Result:
    """Train the job's adapter, or go on training it."""
    from helpers.local import training
    weights = Path(job.base.weights)
    examples = _short_enough(job, job.training, weights)
    unseen = _short_enough(job, job.validation, weights) if job.validation else []
    run = training.train(weights, [[[one] for one in examples]], recipe(job.hyperparameters, job.card["seed"]),
                         job.folder, progress, validation=unseen, save_every=SAVE_EVERY)
    return Result(run.adapter, run.losses, run.validation, run.tokens)


def recipe(wanted: Hyperparameters, seed: int, rank: int = RANK) -> Recipe:
    """Return what hyperparameters in OpenAI's sense, as numbers, mean for an adapter."""
    from helpers.local import training
    return training.Recipe(rank=rank, alpha=2 * rank, learning_rate=LEARNING_RATE * wanted.learning_rate_multiplier,
                           batch_tokens=READ_AT_ONCE, batch_examples=wanted.batch_size, longest=LONGEST,
                           epochs=wanted.n_epochs, seed=seed)


def _short_enough(job: Job, path: Path, weights: Path) -> list[conversations.Conversation]:
    """Return a file's conversations but for those that cannot be trained on, which are counted aloud."""
    from helpers.local import training
    read = conversations.read(path)
    fitting = training.fitting(weights, read, LONGEST)
    if not fitting:
        raise Hopeless(f"{path.stem} file: each of the {len(read)} examples is longer than {LONGEST:,} tokens or has "
                       "no answer to learn. Shorten them, or give their answers a weight of 1.",
                       f"invalid_{path.stem}_file")
    if len(fitting) < len(read):
        job.say(f"{path.stem} file: {len(read) - len(fitting)} of {len(read)} examples are left out, longer than "
                f"{LONGEST:,} tokens or without an answer to learn", "warn")
    return fitting


def _reporting(job: Job) -> Progress:
    """Return a function that tells of each step, and keeps the adapter of each epoch as a checkpoint."""
    def report(step: int, steps: int, so_far: Losses) -> None:
        left = round(so_far.seconds / step * (steps - step), 1)
        data = {"step": step, "total_steps": steps, "train_loss": so_far.losses[-1],
                "full_valid_loss": so_far.validation.get(step), "seconds_left": left,
                "tokens_per_second": round(so_far.tokens / so_far.seconds, 1) if so_far.seconds else None}
        unseen = f", validation loss={data['full_valid_loss']:.2f}" if step in so_far.validation else ""
        job.say(f"Step {step}/{steps}: training loss={data['train_loss']:.2f}{unseen}", data=data)
        job.change(estimated_finish=int(time.time() + left))
        _keep_checkpoints(job, steps, so_far)
    return report


def _keep_checkpoints(job: Job, steps: int, so_far: Losses) -> None:
    for adapter in sorted(job.folder.glob("epoch-*.safetensors")):
        step = steps * int(adapter.stem.partition("-")[2]) // job.hyperparameters.n_epochs
        name = f"{job.model}:ckpt-step-{step}"
        tuned.add(name, adapter, Path(job.base.weights), step=step, metrics=_metrics(so_far, step))
        adapter.unlink()
        job.say(f"Checkpoint created at step {step} with id: {name}")


def _metrics(so_far: Losses | Result, step: int) -> dict:
    found = {"step": step, "train_loss": so_far.losses[step - 1], "full_valid_loss": so_far.validation.get(step)}
    return {name: value for name, value in found.items() if value is not None}


def _finish(job: Job, result: Result) -> None:
    """Keep the finished model, merged, with the table of its losses."""
    steps = len(result.losses)
    results = files.add(io.BytesIO(_table(result).encode()), f"step_metrics-{job.id}.csv", files.RESULTS)
    model = tuned.add(job.model, result.adapter, Path(job.base.weights), step=steps, metrics=_metrics(result, steps),
                      trained_tokens=result.tokens, result_file=results.card["id"])
    model.file()
    job.say(f"New fine-tuned model created: {job.model}")
    job.succeed_with(model, "The job has successfully completed")
    os.unlink(result.adapter)


def _table(result: Result) -> str:
    rows = [f"{step},{loss},{result.validation.get(step, '')}" for step, loss in enumerate(result.losses, 1)]
    return "\n".join(["step,train_loss,full_valid_loss", *rows]) + "\n"


if __name__ == "__main__":
    main()
