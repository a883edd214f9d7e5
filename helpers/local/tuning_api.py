"""The embedded provider's web face for tuning: OpenAI's files and fine-tuning jobs.

    Starlette(routes=[*ROUTES, ...])

Ordinary OpenAI SDK code runs against it, polling loop included.
Does not: keep or do anything itself (see files.py, jobs.py, trainer.py); answer with a tuned model (see api.py).
"""
from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from helpers.local import files, jobs, trainer, tuned, weights
from helpers.local.refusals import ApiError, parsed, refusal

CANCEL_SECONDS = 15     # to wait for a trainer to see that it is to end
PRIVATE = ("made",)     # of a job's card


# ---------------------------------------------------------------- requests

class Settings(BaseModel):
    """Hyperparameters as asked for."""

    model_config = ConfigDict(extra="forbid")
    n_epochs: Any = jobs.AUTO
    batch_size: Any = jobs.AUTO
    learning_rate_multiplier: Any = jobs.AUTO

    @field_validator("n_epochs", "batch_size")
    @classmethod
    def _is_a_count(cls, value: object, field: Any) -> object:
        most = {"n_epochs": 50, "batch_size": 256}[field.field_name]
        if value == jobs.AUTO or (type(value) is int and 1 <= value <= most):
            return value
        raise ValueError(f"{value!r} is neither 'auto' nor a whole number from 1 to {most}")

    @field_validator("learning_rate_multiplier")
    @classmethod
    def _is_a_factor(cls, value: object) -> object:
        if value == jobs.AUTO or (type(value) in (int, float) and 0 < value <= 20):
            return value if value == jobs.AUTO else float(value)
        raise ValueError(f"{value!r} is neither 'auto' nor a number above 0 and up to 20")


class Supervised(BaseModel):
    model_config = ConfigDict(extra="forbid")
    hyperparameters: Settings = Settings()


class Method(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: str
    supervised: Supervised = Supervised()
    dpo: dict | None = None
    reinforcement: dict | None = None

    @field_validator("type")
    @classmethod
    def _is_offered(cls, value: str) -> str:
        if value != "supervised":
            raise ValueError(f"{value!r} is not offered here; the embedded model learns from examples: 'supervised'")
        return value


class JobRequest(BaseModel):
    """What a request for a job may hold; anything else is refused by name."""

    model_config = ConfigDict(extra="forbid")
    model: str
    training_file: str
    validation_file: str | None = None
    suffix: str | None = Field(None, max_length=64, pattern=r"^[A-Za-z0-9_.-]*$")
    seed: int | None = Field(None, ge=0, lt=2**31)
    method: Method | None = None
    hyperparameters: Settings | None = None
    metadata: dict[str, str] | None = None
    integrations: None = None

    @model_validator(mode="after")
    def _one_place(self) -> JobRequest:
        if self.method and self.hyperparameters:
            raise ValueError("give the hyperparameters inside method, or in the older place beside it, not in both")
        return self

    def wish(self, base: jobs.Base) -> jobs.Wish:
        settings = self.method.supervised.hyperparameters if self.method else self.hyperparameters or Settings()
        return jobs.Wish(base, self.training_file, self.validation_file, jobs.Hyperparameters(**settings.model_dump()),
                         self.seed or 0, self.suffix, self.metadata)


class Page(BaseModel):
    """What may stand behind the question mark of a list."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=10_000)] = 20
    after: str | None = None
    purpose: str | None = None
    order: Literal["asc", "desc"] = "desc"


def page(request: Request, rows: list[dict], limit: int = 20) -> Response:
    """Answer with the part of a list, latest first, that the request asks for. Raises ApiError."""
    try:
        asked = Page.model_validate({"limit": limit} | dict(request.query_params))
    except ValidationError as error:
        raise refusal(error) from None
    rows = rows[::-1] if asked.order == "asc" else rows
    names = [row["id"] for row in rows]
    if asked.after and asked.after not in names:
        raise ApiError(400, f"after: {asked.after!r} is not in this list. Take the id of its last item.", "after")
    start = names.index(asked.after) + 1 if asked.after else 0
    shown = rows[start:start + asked.limit]
    return JSONResponse({"object": "list", "data": shown, "has_more": len(rows) > start + len(shown),
                         "first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None})


# ---------------------------------------------------------------- files

async def upload(request: Request) -> Response:
    """POST /v1/files"""
    async with request.form() as form:
        source, purpose = form.get("file"), form.get("purpose")
        if not isinstance(source, UploadFile):
            raise ApiError(400, "file: there is none. Open one in binary mode: files.create(file=open(PATH, 'rb'), "
                           "purpose='fine-tune').", "file")
        if purpose not in (files.TRAINING, files.REQUESTS):
            raise ApiError(400, f"purpose: {purpose!r} is not offered here; upload with {files.TRAINING!r} or "
                           f"{files.REQUESTS!r}.", "purpose")
        kept = await run_in_threadpool(files.add, source.file, source.filename or "upload.jsonl", purpose)
    return JSONResponse(kept.card)


def list_files(request: Request) -> Response:
    """GET /v1/files"""
    purpose = request.query_params.get("purpose")
    return page(request, [file.card for file in files.everything() if purpose in (None, file.card["purpose"])], 10_000)


def retrieve_file(request: Request) -> Response:
    """GET /v1/files/{id}"""
    return JSONResponse(files.find(request.path_params["id"]).card)


def file_content(request: Request) -> Response:
    """GET /v1/files/{id}/content"""
    return FileResponse(files.find(request.path_params["id"]).content, media_type="application/octet-stream")


def delete_file(request: Request) -> Response:
    """DELETE /v1/files/{id}"""
    name = request.path_params["id"]
    files.delete(name)
    return JSONResponse({"id": name, "object": "file", "deleted": True})


# ---------------------------------------------------------------- jobs

async def create_job(request: Request) -> Response:
    """POST /v1/fine_tuning/jobs"""
    asked = await parsed(request, JobRequest)
    return await run_in_threadpool(_created, asked, request.app.state.models.chat_name)


def _created(asked: JobRequest, chat_name: Callable[[str], str]) -> Response:
    if asked.model.startswith(tuned.PREFIX):
        raise ApiError(400, f"model: {asked.model!r} is tuned already. Tune the model it was made from, with the "
                       "examples of both.", "model", "model_not_available")
    name = chat_name(asked.model)
    base = jobs.Base(name, str(weights.chat_model_path(name)), weights.chat_model_fingerprint(name))
    job = jobs.create(asked.wish(base))
    trainer.wake()
    return _shown(job)


def _shown(job: jobs.Job) -> Response:
    return JSONResponse(_public(job))


def _public(job: jobs.Job) -> dict:
    return {name: value for name, value in job.card.items() if name not in PRIVATE}


def _found(request: Request) -> jobs.Job:
    """Return the job that is asked for; one whose trainer was killed goes on."""
    job = jobs.find(request.path_params["id"])
    trainer.wake()
    return job


def list_jobs(request: Request) -> Response:
    """GET /v1/fine_tuning/jobs"""
    trainer.wake()
    return page(request, [_public(job) for job in jobs.everything()])


def retrieve_job(request: Request) -> Response:
    """GET /v1/fine_tuning/jobs/{id}"""
    return _shown(_found(request))


def list_events(request: Request) -> Response:
    """GET /v1/fine_tuning/jobs/{id}/events"""
    return page(request, _found(request).events())


def list_checkpoints(request: Request) -> Response:
    """GET /v1/fine_tuning/jobs/{id}/checkpoints"""
    job = _found(request)
    return page(request, [_checkpoint(job, model.card) for model in tuned.checkpoints(job.model)])


def _checkpoint(job: jobs.Job, card: dict) -> dict:
    digest = hashlib.sha256(f"{job.id}{card['id']}".encode()).hexdigest()[:24]
    return {"id": f"ftckpt_{digest}", "object": "fine_tuning.job.checkpoint", "created_at": card["created"],
            "fine_tuned_model_checkpoint": card["id"], "fine_tuning_job_id": job.id, "metrics": card["metrics"],
            "step_number": card["step"]}


def cancel_job(request: Request) -> Response:
    """POST /v1/fine_tuning/jobs/{id}/cancel"""
    job = _found(request)
    if job.ended:
        raise ApiError(400, f"{job.id} has ended already: {job.card['status']}. A tuned model is removed with "
                       "models.delete().", code="invalid_job_status")
    job.cancel()
    patience = time.monotonic() + CANCEL_SECONDS
    while not job.ended and time.monotonic() < patience:
        trainer.wake()      # should its process be gone, another one ends it
        time.sleep(0.1)
    return _shown(job)


ROUTES = [
    Route("/v1/files", upload, methods=["POST"]),
    Route("/v1/files", list_files),
    Route("/v1/files/{id}", retrieve_file),
    Route("/v1/files/{id}", delete_file, methods=["DELETE"]),
    Route("/v1/files/{id}/content", file_content),
    Route("/v1/fine_tuning/jobs", create_job, methods=["POST"]),
    Route("/v1/fine_tuning/jobs", list_jobs),
    Route("/v1/fine_tuning/jobs/{id}", retrieve_job),
    Route("/v1/fine_tuning/jobs/{id}/cancel", cancel_job, methods=["POST"]),
    Route("/v1/fine_tuning/jobs/{id}/events", list_events),
    Route("/v1/fine_tuning/jobs/{id}/checkpoints", list_checkpoints),
]
