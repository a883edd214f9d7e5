"""Recordings of fine-tuning: what is kept of files and jobs, when it is replayed, and what stays live."""
from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import openai
import pytest
from openai import OpenAI

from helpers import provider
from helpers.local import jobs
from helpers.local.weights import DEFAULT_CHAT_MODEL
from helpers.provider import transport
from helpers.provider.shelves import NotRecorded
from tests.conftest import Loopback
from tests.talking import (
    always,
    answer,
    connected,
    in_turn,
    new_process,
    record_sleeps,
    recordings_folder,
    refusal,
    say,
)

FILE, TUNED = "file-1", f"ft:{DEFAULT_CHAT_MODEL}:course::1a2b3c4d"
SECRET = "the customer's own words"
EVENTS = [{"object": "fine_tuning.job.event", "id": f"e-{n}", "created_at": 9, "level": "info", "type": "metrics",
           "message": f"Step {n}", "data": {"step": n, "train_loss": 1 / n}} for n in (3, 2, 1)]
CHECKPOINT = {"id": "ckpt-1", "object": "fine_tuning.job.checkpoint", "created_at": 9, "step_number": 3, "metrics": {},
              "fine_tuned_model_checkpoint": TUNED, "fine_tuning_job_id": "ftjob-1"}


class Service:
    """What stands for the embedded service: each job ends as `end` says, after so many looks at it."""

    def __init__(self, looks: int = 2, end: str = "succeeded"):
        self.looks, self.end, self.jobs, self.trained = looks, end, 0, False

    def __call__(self, method: str, path: str, headers: dict, body: bytes) -> tuple:
        path, _, query = path.removeprefix("/v1/").partition("?")
        if method == "DELETE":
            self.trained = False
        if path.startswith("models/") or path == "chat/completions":
            return answer()
        kind, name = (path.split("/")[0], path.split("/")[-1])
        return 200, {}, self.file(name) if kind == "files" else self.tuning(path, query)

    def file(self, name: str) -> dict:
        purpose = "fine-tune-results" if name == "file-results" else "fine-tune"
        return {"id": FILE if name == "files" else name, "object": "file", "bytes": 9, "created_at": 9,
                "filename": "train.jsonl", "purpose": purpose, "status": "processed"}

    def tuning(self, path: str, query: str) -> dict:
        if path.endswith("/checkpoints"):
            return {"object": "list", "data": [CHECKPOINT], "has_more": False}
        if path.endswith("/events"):
            shown = EVENTS[2:] if "after" in query else EVENTS[:2]
            return {"object": "list", "data": shown, "has_more": "after" not in query}
        if path == "fine_tuning/jobs":
            self.jobs += 1
            return self.job("succeeded" if self.trained else "queued")
        self.looks -= 1
        return self.job(self.end if self.looks <= 0 else "running")

    def job(self, status: str) -> dict:
        self.trained = status == "succeeded"
        return {"id": f"ftjob-{self.jobs}", "object": "fine_tuning.job", "created_at": 9, "status": status,
                "error": None, "fine_tuned_model": TUNED if self.trained else None, "training_file": FILE,
                "seed": 0, "hyperparameters": {"n_epochs": 3}, "model": DEFAULT_CHAT_MODEL, "organization_id": "course",
                "result_files": []}


@pytest.fixture
def serve(loopback, monkeypatch) -> Callable[..., None]:
    """Let a handler stand for the embedded service: serve(Service())."""
    def use(handler: Callable) -> None:
        running = SimpleNamespace(base_url=loopback(handler), api_key="service-key")
        monkeypatch.setattr(transport.service, "running", lambda: running)
    monkeypatch.setattr(transport.weights, "chat_model_path", lambda name: None)
    return use


@pytest.fixture
def process(monkeypatch) -> Callable[..., OpenAI]:
    """Return a client as a new process would with these settings: process(COURSE_RECORD="nb")."""
    def begin(**values: str) -> OpenAI:
        for name in ("COURSE_RECORD", "COURSE_REPLAY"):
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        return new_process(monkeypatch)
    return begin


def upload(client: OpenAI, content: bytes = SECRET.encode(), name: str = "train.jsonl") -> str:
    return client.files.create(file=(name, content), purpose="fine-tune").id


def create(client: OpenAI, **options: object) -> openai.types.fine_tuning.FineTuningJob:
    return client.fine_tuning.jobs.create(**{"model": DEFAULT_CHAT_MODEL, "training_file": upload(client)} | options)


def story(client: OpenAI) -> list:
    """What a notebook does and shows, from the file to the tuned model's answer."""
    job, looks = create(client), 1
    while (seen := client.fine_tuning.jobs.retrieve(job.id)).status not in jobs.ENDED:
        looks += 1
    events = [event.data for event in client.fine_tuning.jobs.list_events(job.id, limit=2)]
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    return [job, seen, events, checkpoints, say(client, model=seen.fine_tuned_model), looks]


def paths(asked: list) -> list[str]:
    return [f"{one.method} {one.path.removeprefix('/v1/')}" for one in asked]


# ---------------------------------------------------------------- recorded, and replayed

def test_a_recorded_training_is_replayed_with_no_service_and_the_loop_ends_at_its_first_look(serve, process, loopback):
    serve(Service(looks=3))
    live = story(process(COURSE_RECORD="nb"))
    assert live[-1] == 3 and [data["step"] for data in live[2]] == [3, 2, 1]
    asked = loopback.count
    replayed = story(process(COURSE_REPLAY="only"))
    assert replayed[:-1] == live[:-1] and replayed[-1] == 1
    assert loopback.count == asked


def test_of_a_training_file_its_hash_is_kept_and_not_a_word(serve, process):
    serve(Service())
    upload(process(COURSE_RECORD="nb"))
    kept = (recordings_folder() / "nb.jsonl").read_text()
    assert '"sha256"' in kept and '"train.jsonl"' in kept and "words" not in kept


@pytest.mark.parametrize("other", [{"content": b"other words"}, {"name": "other.jsonl"}])
def test_another_file_is_not_recorded(serve, process, other):
    serve(Service())
    upload(process(COURSE_RECORD="nb"))
    client = process(COURSE_REPLAY="only")
    assert upload(client) == FILE
    with pytest.raises(NotRecorded, match=r"not recorded: POST files\. Unset COURSE_REPLAY to train on this machine"):
        upload(client, **other)


def test_another_wish_is_another_job_and_so_is_another_way_of_training(serve, process, monkeypatch):
    serve(Service())
    create(process(COURSE_RECORD="nb"))
    client = process(COURSE_REPLAY="only")
    assert create(client).id == "ftjob-1"
    with pytest.raises(NotRecorded, match=r'POST fine_tuning/jobs with \{.*"seed":1'):
        create(client, seed=1)
    monkeypatch.setattr(jobs, "METHOD", "lora99-1")
    with pytest.raises(NotRecorded):
        create(client)


@pytest.mark.parametrize("end", jobs.ENDED)
def test_a_job_is_kept_when_it_has_ended_however_it_did(serve, process, end):
    serve(Service(looks=2, end=end))
    client = process(COURSE_RECORD="nb")
    job = create(client).id
    while client.fine_tuning.jobs.retrieve(job).status != end:
        pass
    assert process(COURSE_REPLAY="only").fine_tuning.jobs.retrieve(job).status == end


def test_of_a_job_that_has_not_ended_nothing_is_kept_but_that_it_was_made(serve, process):
    serve(Service(looks=99))
    jobs_of = process(COURSE_RECORD="nb").fine_tuning.jobs
    for look in [jobs_of.retrieve, jobs_of.list_events, jobs_of.checkpoints.list, jobs_of.cancel]:
        look("ftjob-1")
    jobs_of = process(COURSE_REPLAY="only").fine_tuning.jobs
    for look in [jobs_of.retrieve, jobs_of.list_events, jobs_of.checkpoints.list, jobs_of.cancel]:
        with pytest.raises(NotRecorded, match=r"(GET|POST) fine_tuning/jobs/ftjob-1"):
            look("ftjob-1")


def test_a_table_of_results_is_kept_and_an_uploaded_file_is_not(serve, process):
    serve(with_content(Service()))
    client = process(COURSE_RECORD="nb")
    assert client.files.content("file-results").text == "step,train_loss\n"
    client.files.content(FILE)
    client = process(COURSE_REPLAY="only")
    assert client.files.content("file-results").text == "step,train_loss\n"
    with pytest.raises(NotRecorded, match="GET files/file-1/content"):
        client.files.content(FILE)


def with_content(service: Service) -> Callable:
    def handler(method: str, path: str, headers: dict, body: bytes) -> tuple:
        if path.endswith("/content"):
            return 200, {"content-type": "application/octet-stream"}, b"step,train_loss\n"
        return service(method, path, headers, body)
    return handler


def test_a_refused_file_is_refused_again_and_a_failure_of_the_service_is_not_kept(serve, process):
    serve(always(refusal(400, "'train.jsonl' cannot be trained on")))
    for settings in ({"COURSE_RECORD": "nb"}, {"COURSE_REPLAY": "only"}):
        with pytest.raises(openai.BadRequestError, match="cannot be trained on"):
            upload(process(**settings))
    serve(always(refusal(424, "no weights")))
    with pytest.raises(openai.APIStatusError, match="no weights"):
        upload(process(COURSE_RECORD="nb", COURSE_REPLAY="off"))
    with pytest.raises(NotRecorded):
        upload(process(COURSE_REPLAY="only"))


def test_what_is_never_recorded_is_said_to_be_missing_and_starts_no_service(process, monkeypatch):
    monkeypatch.setattr(transport.service, "running", None)
    client = process(COURSE_REPLAY="only")
    for look in (client.files.list, client.fine_tuning.jobs.list, lambda: client.files.delete(FILE)):
        with pytest.raises(NotRecorded, match="this step of a fine-tuning is not recorded"):
            look()


# ---------------------------------------------------------------- live

def test_a_reader_trains_live_whatever_is_recorded_and_the_models_answers_are_replayed(serve, process, loopback):
    serve(Service())
    story(process(COURSE_RECORD="nb"))
    asked = loopback.count
    story(process())
    assert paths(loopback.requests[asked:])[:2] == ["POST files", "POST fine_tuning/jobs"]
    assert "POST chat/completions" not in paths(loopback.requests[asked:])


def test_new_prose_is_recorded_without_training_anew(serve, process, loopback):
    serve(Service())
    first = story(process(COURSE_RECORD="nb"))
    before, asked = (recordings_folder() / "nb.jsonl").read_text(), loopback.count
    again = story(process(COURSE_RECORD="nb"))
    assert again[:-1] == first[:-1]
    assert paths(loopback.requests[asked:]) == ["POST files"]       # which another job may need
    assert sorted((recordings_folder() / "nb.jsonl").read_text().splitlines()) == sorted(before.splitlines())


def test_recording_live_trains_anew_also_where_the_model_is_there_already(serve, process, loopback):
    serve(Service())
    story(process(COURSE_RECORD="nb"))
    asked = loopback.count
    job = create(process(COURSE_RECORD="nb", COURSE_REPLAY="off"))
    assert (job.id, job.status) == ("ftjob-3", "queued")
    assert paths(loopback.requests[asked:]) == ["POST files", "POST fine_tuning/jobs", f"DELETE models/{TUNED}",
                                                "POST fine_tuning/jobs"]


def test_the_service_gets_its_own_key_and_nothing_of_the_query(serve, process, loopback):
    serve(Service(looks=0))
    process(COURSE_RECORD="nb").fine_tuning.jobs.list_events("ftjob-1", limit=2)
    assert paths(loopback.requests) == ["GET fine_tuning/jobs/ftjob-1", "GET fine_tuning/jobs/ftjob-1/events?limit=2"]
    assert {asked.headers["authorization"] for asked in loopback.requests} == {"Bearer service-key"}


def test_events_that_were_read_before_the_job_ended_are_not_its_last_word(serve, process, loopback):
    service = Service(looks=99)

    def ends_meanwhile(method, path, headers, body):
        reply = service(method, path, headers, body)
        service.looks = 0 if "/events" in path else service.looks
        return reply

    serve(ends_meanwhile)
    asked = []
    for _ in range(3):
        process(COURSE_RECORD="nb").fine_tuning.jobs.list_events("ftjob-1", limit=2)
        asked.append(loopback.count)
    assert asked == [2, 4, 4]       # the card and the events, twice; then they are replayed


def test_a_hosted_provider_is_passed_through_and_not_recorded(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(Service(looks=0)), COURSE_RECORD="nb")
    for _ in range(2):
        client.fine_tuning.jobs.retrieve(create(client).id)
    assert loopback.count == 6 and not recordings_folder().exists()


# ---------------------------------------------------------------- the tuned model's answers

def test_a_tuned_models_answers_are_kept_under_its_name_alone(serve, process, loopback, monkeypatch):
    serve(always(answer("billing")))
    assert say(process(COURSE_RECORD="nb"), model=TUNED) == "billing"
    client = process(COURSE_REPLAY="only", COURSE_MODEL="smollm2-135m", COURSE_WEIGHTS="/nowhere/own.gguf")
    assert say(client, model=TUNED) == "billing"
    assert provider.chosen().fingerprint("chat/completions", TUNED) == TUNED
    with pytest.raises(NotRecorded, match="1a2b3c4d:ckpt-step-3"):
        say(client, model=f"{TUNED}:ckpt-step-3")
    assert loopback.count == 1


def test_a_cut_upload_is_tried_again_and_kept_once(serve, process, loopback, monkeypatch):
    record_sleeps(monkeypatch)
    serve(in_turn(Loopback.CUT, (200, {}, Service().file("files"))))
    assert upload(process(COURSE_RECORD="nb")) == FILE
    kept = [json.loads(line) for line in (recordings_folder() / "nb.jsonl").read_text().splitlines()]
    assert sum("call" in line for line in kept) == 1
