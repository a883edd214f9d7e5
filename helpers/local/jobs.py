"""Fine-tuning jobs, each a folder on disk that outlives every process.

    ftjob-1f0c…/job.json            the job as the API shows it, written whole or not at all
                base.json           the model it starts from, fixed when the job was made
                training.jsonl      a copy, and validation.jsonl: the uploaded files may be deleted
                events.jsonl        what happened, one line each, appended
                cancel              is there when somebody asked for it

A job that has ended does not change any more, whoever tries: of two that end it, the first does.
Does not: train, or start anything that does (see trainer.py).
"""
from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock
from gguf import GGUFReader

from helpers.local import conversations, files, folders, room, tuned
from helpers.local.refusals import ApiError
from helpers.settings import cache_folder

ENDED = ("succeeded", "failed", "cancelled")
ORGANISATION = "course"
ARCHITECTURES = ("llama",)      # a test covers training and merging for these
METHOD = "lora16-1"             # what trainer.py makes of hyperparameters; another method gives other names
AUTO = "auto"


@dataclass(frozen=True)
class Base:
    """The model a job starts from."""

    name: str
    weights: str        # path of its file
    fingerprint: str


@dataclass(frozen=True)
class Hyperparameters:
    """OpenAI's three, each a number or "auto"."""

    n_epochs: int | Literal["auto"] = AUTO
    batch_size: int | Literal["auto"] = AUTO
    learning_rate_multiplier: float | Literal["auto"] = AUTO

    def resolved(self, examples: int) -> Hyperparameters:
        """Return numbers for "auto". Example: Hyperparameters().resolved(200) -> Hyperparameters(3, 8, 1.0)"""
        auto = Hyperparameters(3, max(4, min(16, examples // 25)), 1.0)
        return Hyperparameters(**{name: getattr(auto, name) if value == AUTO else value
                                  for name, value in asdict(self).items()})


@dataclass(frozen=True)
class Wish:
    """What a job is made from. A seed that is not named is 0, so that the same wish gives the same model."""

    base: Base
    training_file: str
    validation_file: str | None = None
    hyperparameters: Hyperparameters = Hyperparameters()
    seed: int = 0
    suffix: str | None = None
    metadata: dict | None = None


@dataclass(frozen=True)
class Job:
    """A job on disk."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def training(self) -> Path:
        return self.folder / "training.jsonl"

    @property
    def validation(self) -> Path | None:
        path = self.folder / "validation.jsonl"
        return path if path.exists() else None

    @property
    def base(self) -> Base:
        return Base(**json.loads((self.folder / "base.json").read_text(encoding="utf-8")))

    @property
    def card(self) -> dict:
        """The job as OpenAI's API shows it."""
        return json.loads((self.folder / "job.json").read_text(encoding="utf-8"))

    @property
    def ended(self) -> bool:
        return self.card["status"] in ENDED

    @property
    def hyperparameters(self) -> Hyperparameters:
        return Hyperparameters(**self.card["hyperparameters"])

    @property
    def model(self) -> str:
        """The name of the model it makes: the same base, file, hyperparameters and seed give the same."""
        card, base = self.card, self.base
        made_from = [base.fingerprint, hashlib.sha256(self.training.read_bytes()).hexdigest(), card["hyperparameters"],
                     card["seed"], METHOD]
        digest = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        return f"{tuned.PREFIX}{base.name}:{ORGANISATION}:{card['user_provided_suffix'] or ''}:{digest[:8]}"

    # ------------------------------------------------------------ what happens to it

    def change(self, **fields: object) -> bool:
        """Change what the job shows, unless it has ended; say whether it was changed."""
        with FileLock(self.folder / "job.lock"):
            card = self.card
            if card["status"] in ENDED:
                return False
            folders.write(self.folder / "job.json", json.dumps(card | fields))
        return True

    def end(self, status: str, message: str, level: str = "info", **fields: object) -> bool:
        """End the job, unless it has ended; say whether it was this that ended it."""
        ended = self.change(status=status, finished_at=int(time.time()), estimated_finish=None, **fields)
        if ended:
            self.say(message, level)
        return ended

    def fail(self, message: str, code: str, param: str | None = None) -> bool:
        """End the job with a reason."""
        return self.end("failed", message, "error", error={"code": code, "message": message, "param": param})

    def succeed_with(self, model: tuned.Tuned, message: str) -> bool:
        """End the job with the model it made, or that was there already."""
        card = model.card
        results = [card["result_file"]] if "result_file" in card else []
        return self.end("succeeded", message, fine_tuned_model=card["id"], trained_tokens=card.get("trained_tokens"),
                        result_files=results)

    def cancel(self) -> None:
        """Ask for the end. A job that waits ends now; the trainer looks for the file `cancel` and ends the other."""
        (self.folder / "cancel").touch()
        if self.card["status"] != "running":
            self.end("cancelled", "The job was cancelled before it started.")

    @property
    def cancel_asked(self) -> bool:
        return (self.folder / "cancel").exists()

    # ------------------------------------------------------------ events

    def say(self, message: str, level: str = "info", data: dict | None = None) -> None:
        """Append an event; one with data is a metric."""
        event = {"created_at": int(time.time()), "level": level, "message": message, "data": data,
                 "type": "metrics" if data else "message"}
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(event))        # the break first: a line cut off by a kill spoils no other

    def events(self) -> list[dict]:
        """Return what happened, the latest first."""
        lines = (self.folder / "events.jsonl").read_text(encoding="utf-8").split("\n")
        events = [_event(f"ftevent-{self.id[6:18]}-{number}", line) for number, line in enumerate(lines) if line]
        return [event for event in reversed(events) if event]


def _event(name: str, line: str) -> dict | None:
    try:
        return {"object": "fine_tuning.job.event", "id": name} | json.loads(line)
    except ValueError:      # cut off in the writing
        return None


# ---------------------------------------------------------------- making and finding

def create(wish: Wish) -> Job:
    """Make a job and look at its files: it is queued, or has failed with the reason. Raises ApiError."""
    _refuse_untested(wish.base)
    data = {"training.jsonl": _uploaded(wish.training_file, "training_file")}
    if wish.validation_file:
        data["validation.jsonl"] = _uploaded(wish.validation_file, "validation_file")
    name = f"ftjob-{secrets.token_hex(12)}"
    with folders.scratch(_home()) as part:
        for target, file in data.items():
            shutil.copy(file.content, part / target)
        (part / "base.json").write_text(json.dumps(asdict(wish.base)), encoding="utf-8")
        (part / "job.json").write_text(json.dumps({"id": name} | _card(wish)), encoding="utf-8")
        folders.settle(part, _home() / name)
    job = Job(_home() / name)
    job.say(f"Created fine-tuning job: {name}")
    look_at_files(job)
    return job


def look_at_files(job: Job) -> None:
    """Decide what "auto" stands for and queue the job; end it if it cannot or need not be done."""
    job.say(f"Validating training file: {job.card['training_file']}")
    try:
        examples = [conversations.read(path) for path in (job.training, job.validation) if path]
        room.need(Path(job.base.weights))
    except conversations.NotTeachable as error:
        job.fail(f"The training data cannot be learned. {error}", "invalid_training_file", "training_file")
        return
    except room.NoRoom as error:
        job.fail(str(error), error.code)
        return
    settings = asdict(job.hyperparameters.resolved(len(examples[0])))
    job.change(hyperparameters=settings, method=_method(settings))
    if not is_there(job) and job.change(status="queued"):
        job.say("Files validated, moving job to queued state")


def is_there(job: Job) -> bool:
    """Say whether the job's model is there already; if so the job has succeeded."""
    if not tuned.exists(job.model):
        return False
    job.succeed_with(tuned.find(job.model), f"The same base, file, hyperparameters and seed were trained before: "
                     f"{job.model} is there, and nothing needs to be trained.")
    return True


def find(name: str) -> Job:
    """Return a job by its id. Raises ApiError."""
    folder = _home() / name
    if not re.fullmatch(r"ftjob-\w+", name) or not folder.is_dir():
        raise ApiError(404, f"There is no fine-tuning job {name!r}. fine_tuning.jobs.list() names those there are.",
                       "fine_tuning_job_id", "fine_tune_not_found")
    return Job(folder)


def everything() -> list[Job]:
    """Return all jobs, the newest first."""
    return sorted(map(Job, folders.settled(_home())), key=lambda job: (job.card["made"], job.id), reverse=True)


def waiting() -> list[Job]:
    """Return the jobs that have not ended, the oldest first."""
    return [job for job in reversed(everything()) if not job.ended]


def training_lock() -> FileLock:
    """What the one trainer at work holds; it is free when that process is gone, however it went."""
    _home().mkdir(parents=True, exist_ok=True)
    return FileLock(_home() / "training.lock")


def _home() -> Path:
    return cache_folder() / "jobs"


def _card(wish: Wish) -> dict:
    settings = asdict(wish.hyperparameters)
    return {"object": "fine_tuning.job", "created_at": int(time.time()), "made": time.time(),
            "status": "validating_files", "model": wish.base.name, "training_file": wish.training_file,
            "validation_file": wish.validation_file, "hyperparameters": settings, "method": _method(settings),
            "seed": wish.seed, "user_provided_suffix": wish.suffix, "metadata": wish.metadata,
            "organization_id": ORGANISATION, "result_files": [], "error": None, "fine_tuned_model": None,
            "finished_at": None, "estimated_finish": None, "trained_tokens": None, "integrations": []}


def _method(settings: dict) -> dict:
    return {"type": "supervised", "supervised": {"hyperparameters": settings}}


def _uploaded(name: str, param: str) -> files.File:
    try:
        file = files.find(name)
    except ApiError as error:
        raise ApiError(400, f"{param}: {error}", param, "invalid_file") from None
    if file.card["purpose"] != files.TRAINING:
        raise ApiError(400, f"{param}: {name} was uploaded for {file.card['purpose']!r}. Upload it with the purpose "
                       f"{files.TRAINING!r}.", param, "invalid_file")
    return file


def _refuse_untested(base: Base) -> None:
    architecture = GGUFReader(base.weights).fields["general.architecture"].contents()
    if architecture not in ARCHITECTURES:
        raise ApiError(400, f"{base.name} is a model of the architecture {architecture!r}, whose tuning no test "
                       f"covers; here {', '.join(ARCHITECTURES)} can be tuned. Unset COURSE_WEIGHTS to tune the "
                       "course's own model.", "model", "model_not_available")
