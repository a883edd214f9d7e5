"""Files and fine-tuning jobs through the plain OpenAI SDK, as ordinary code uses them."""
from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from helpers.local import api, jobs, room, tuned, weights
from tests.tuning import adapter_file, examples, uploaded
from tests.tuning_service import Echo, pretending_service

CHAT = weights.DEFAULT_CHAT_MODEL


@pytest.fixture
def client(monkeypatch, tmp_path) -> Iterator[OpenAI]:
    """A client of a service in this process, which only pretends to train and to answer."""
    with pretending_service(monkeypatch, tmp_path) as service:
        yield OpenAI(base_url=service.base_url, api_key=service.api_key, max_retries=0)


def upload(client: OpenAI, content: bytes | None = None) -> str:
    return client.files.create(file=("train.jsonl", content or examples()), purpose="fine-tune").id


def create(client: OpenAI, **options) -> openai.types.fine_tuning.FineTuningJob:
    return client.fine_tuning.jobs.create(**{"model": CHAT, "training_file": upload(client)} | options)


def polled(client: OpenAI, job: str) -> openai.types.fine_tuning.FineTuningJob:
    """The loop of every tutorial."""
    while (seen := client.fine_tuning.jobs.retrieve(job)).status not in ("succeeded", "failed", "cancelled"):
        time.sleep(0.1)
    return seen


def message(content: str) -> list[dict]:
    return [{"role": "user", "content": content}]


# ---------------------------------------------------------------- the whole way

def test_ordinary_code_tunes_a_model_and_asks_it(client):
    training = client.files.create(file=io.BytesIO(examples()), purpose="fine-tune")
    training = client.files.wait_for_processing(training.id)
    job = client.fine_tuning.jobs.create(
        model=CHAT, training_file=training.id, validation_file=training.id, suffix="tickets", seed=7,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}})
    assert (job.object, job.status, job.model, job.seed) == ("fine_tuning.job", "queued", CHAT, 7)
    done = polled(client, job.id)
    assert done.status == "succeeded", done.error
    assert done.fine_tuned_model.startswith(f"ft:{CHAT}:course:tickets:")
    assert (done.trained_tokens, done.hyperparameters.n_epochs, done.error) == (200, 2, None)
    reply = client.chat.completions.create(model=done.fine_tuned_model, messages=message("Is it late?"))
    assert reply.model == done.fine_tuned_model
    assert reply.choices[0].message.content.startswith("ft_")
    assert client.files.content(done.result_files[0]).text.startswith("step,train_loss,full_valid_loss\n1,2.0,\n")


def test_events_and_checkpoints_are_listed_page_by_page(client):
    job = polled(client, create(client, hyperparameters={"n_epochs": 3}).id)
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=4))     # the SDK turns the pages
    assert events[0].message == "The job has successfully completed"
    assert events[-1].message == f"Created fine-tuning job: {job.id}"
    assert len({event.id for event in events}) == len(events) > 8
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=2))
    assert [one.step_number for one in checkpoints] == [6, 4, 2]
    assert [one.fine_tuned_model_checkpoint.removeprefix(job.fine_tuned_model) for one in checkpoints] == [
        "", ":ckpt-step-4", ":ckpt-step-2"]
    assert checkpoints[1].metrics.full_valid_loss == 1.0
    answer = client.chat.completions.create(model=checkpoints[1].fine_tuned_model_checkpoint, messages=message("Hi"))
    assert "ckpt-step-4" in answer.choices[0].message.content


def test_jobs_are_listed_the_newest_first_page_by_page(client):
    made = [create(client, seed=seed).id for seed in range(3)]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=2)] == made[::-1]
    first = client.fine_tuning.jobs.list(limit=2)
    assert first.has_more and len(first.data) == 2


def test_both_places_of_hyperparameters_mean_the_same(client):
    new = create(client, method={"type": "supervised", "supervised": {"hyperparameters": {
        "n_epochs": "auto", "batch_size": 2, "learning_rate_multiplier": 0.5}}})
    old = create(client, hyperparameters={"batch_size": 2, "learning_rate_multiplier": 0.5})
    assert new.hyperparameters == old.hyperparameters
    assert old.hyperparameters.model_dump() == {"n_epochs": 3, "batch_size": 2, "learning_rate_multiplier": 0.5}
    assert new.method.supervised.hyperparameters.batch_size == old.method.supervised.hyperparameters.batch_size == 2


def test_the_same_job_again_succeeds_at_once_with_the_same_model(client):
    first = polled(client, create(client).id)
    again = create(client)
    assert (again.status, again.fine_tuned_model) == ("succeeded", first.fine_tuned_model)


def test_an_alias_stands_for_the_base_that_is_tuned(client):
    assert create(client, model="gpt-4o-mini").model == CHAT


def test_a_job_at_work_is_cancelled(client, monkeypatch):
    monkeypatch.setenv("PRETEND", json.dumps({"seconds": 60}))
    job, waiting = create(client), create(client, seed=1)
    assert client.fine_tuning.jobs.cancel(waiting.id).status == "cancelled"
    while client.fine_tuning.jobs.retrieve(job.id).status != "running":
        time.sleep(0.1)
    cancelled = client.fine_tuning.jobs.cancel(job.id)
    assert (cancelled.status, cancelled.fine_tuned_model) == ("cancelled", None)
    with pytest.raises(openai.BadRequestError, match="has ended already: cancelled"):
        client.fine_tuning.jobs.cancel(job.id)


# ---------------------------------------------------------------- files

def test_files_are_kept_listed_read_and_deleted(client):
    first, second = upload(client), upload(client, examples(12))
    assert {file.id for file in client.files.list()} == {first, second}
    assert {file.id for file in client.files.list(limit=1)} == {first, second}
    assert list(client.files.list(purpose="fine-tune-results")) == []
    assert client.files.retrieve(first).filename == "train.jsonl"
    assert client.files.content(first).content == examples()
    assert client.files.delete(first).deleted
    assert [file.id for file in client.files.list()] == [second]


def test_a_large_file_is_taken(client):
    content = examples(30_000)
    assert client.files.retrieve(upload(client, content)).bytes == len(content) > 2_000_000


# ---------------------------------------------------------------- models

def test_a_tuned_model_is_listed_retrieved_and_deleted(client):
    name = polled(client, create(client, hyperparameters={"n_epochs": 1}).id).fine_tuned_model
    assert client.models.list().data[-1].id == name
    assert client.models.retrieve(name).object == "model"
    client.chat.completions.create(model=name, messages=message("Hi"))
    assert client.models.delete(name).deleted
    for use in (lambda: client.models.retrieve(name), lambda: client.models.delete(name),
                lambda: client.chat.completions.create(model=name, messages=message("Hi"))):
        with pytest.raises(openai.NotFoundError, match=f"no tuned model '{name}' here. There are: none yet"):
            use()


def test_a_tuned_model_is_served_beside_the_base_and_one_tuned_model_at_a_time(client, monkeypatch, tmp_path):
    loaded = []
    monkeypatch.setattr(api, "ChatEngine", lambda path: loaded.append(path.name) or Echo(path))
    for name in ("ft:a", "ft:b"):
        tuned.add(name, adapter_file(tmp_path / "a.safetensors"), tmp_path / "base.gguf", step=1, metrics={})
    for model in (CHAT, "ft:a", CHAT, "ft:a", "ft:b", CHAT, "ft:a"):
        client.chat.completions.create(model=model, messages=message("Hi"))
    assert loaded == ["base.gguf", "model.gguf", "model.gguf", "model.gguf"]


# ---------------------------------------------------------------- refusals

def supervised(**settings: object) -> dict:
    return {"method": {"type": "supervised", "supervised": {"hyperparameters": settings}}}


BAD_JOBS = {
    "no such file": ({"training_file": "file-1"}, "training_file: There is no file 'file-1'.*files.create"),
    "no such validation file": ({"validation_file": "file-1"}, "validation_file: There is no file 'file-1'"),
    "a tuned model": ({"model": "ft:x"}, "'ft:x' is tuned already. Tune the model it was made from"),
    "another method": ({"method": {"type": "dpo"}}, "'dpo' is not offered here.*'supervised'"),
    "epochs": (supervised(n_epochs=0), "n_epochs: .*0 is neither 'auto' nor a whole number from 1 to 50"),
    "half an epoch": ({"hyperparameters": {"n_epochs": 1.5}}, "1.5 is neither 'auto' nor a whole number"),
    "batches": (supervised(batch_size="big"), "'big' is neither 'auto' nor a whole number from 1 to 256"),
    "a rate": (supervised(learning_rate_multiplier=-1), "-1 is neither 'auto' nor a number above 0"),
    "an unknown setting": (supervised(rank=8), "hyperparameters.rank.*leave it out"),
    "both places": (supervised(n_epochs=1) | {"hyperparameters": {"n_epochs": 1}}, "not in both"),
    "a suffix": ({"suffix": "a:b"}, "suffix: .*pattern"),
    "a long suffix": ({"suffix": "a" * 65}, "suffix: .*64"),
    "integrations": ({"integrations": [{"type": "wandb", "wandb": {"project": "x"}}]}, "integrations"),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_a_bad_job_is_refused_with_what_to_change(client, name):
    options, words = BAD_JOBS[name]
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        create(client, **options)
    assert caught.value.type == "invalid_request_error"
    assert jobs.everything() == []


BAD_REQUESTS = {
    "a purpose": (lambda client: client.files.create(file=b"x", purpose="vision"),
                  "'vision' is not offered here; upload with 'fine-tune' or 'batch'"),
    "a bad file": (lambda client: upload(client, b"{oops"), "'train.jsonl' cannot be trained on"),
    "no file": (lambda client: client.post("/files", cast_to=object, body={"purpose": "x"}), "file: there is none"),
    "a page": (lambda client: client.fine_tuning.jobs.list(limit=0), "limit: .*greater than or equal to 1"),
    "a cursor": (lambda client: client.fine_tuning.jobs.list(after="ftjob-1"), "'ftjob-1' is not in this list"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused(client, name):
    request, words = BAD_REQUESTS[name]
    with pytest.raises(openai.BadRequestError, match=words):
        request(client)


def test_what_is_not_there_is_not_found(client):
    found = [client.files.retrieve, client.files.content, client.files.delete, client.fine_tuning.jobs.retrieve,
             client.fine_tuning.jobs.cancel, client.fine_tuning.jobs.list_events,
             client.fine_tuning.jobs.checkpoints.list]
    for look in found:
        with pytest.raises(openai.NotFoundError, match=r"There is no .* 'nowhere'"):
            look("nowhere")
    with pytest.raises(openai.NotFoundError, match="'gpt-4o' does not exist here"):
        create(client, model="gpt-4o")
    with pytest.raises(openai.PermissionDeniedError, match=f"'{CHAT}' is no tuned model"):
        client.models.delete(CHAT)


def test_too_little_room_is_a_failed_job_with_the_reason(client, monkeypatch):
    def none(_: object) -> None:
        raise room.NoRoom("Tuning needs 1,580 MB of memory", "insufficient_memory")
    monkeypatch.setattr(room, "need", none)
    job = create(client)
    assert (job.status, job.error.code) == ("failed", "insufficient_memory")
    assert "1,580 MB" in job.error.message


def test_a_job_whose_trainer_was_killed_goes_on_when_somebody_asks(client, monkeypatch):
    monkeypatch.setenv("PRETEND", json.dumps({"killed_at": 3}))
    assert polled(client, create(client).id).status == "succeeded"


def test_the_upload_of_the_tests_is_the_one_of_the_web(client):
    assert upload(client) == uploaded()
