"""Jobs on disk: what they are made from, what they refuse, what they say, and that an end is an end."""
from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest

from helpers.local import files, jobs, room, tuned
from helpers.local.jobs import Base, Hyperparameters, Job
from helpers.local.refusals import ApiError
from tests.tuning import adapter_file, base_file, examples, messages, uploaded, wish

AUTO = "auto"


@pytest.fixture
def make(tmp_path):
    """Make a job with the small base."""
    return lambda **more: jobs.create(wish(tmp_path, **more))


# ---------------------------------------------------------------- hyperparameters and names

@pytest.mark.parametrize(("asked", "examples", "resolved"), [
    (Hyperparameters(), 10, Hyperparameters(3, 4, 1.0)),
    (Hyperparameters(), 200, Hyperparameters(3, 8, 1.0)),
    (Hyperparameters(), 5_000, Hyperparameters(3, 16, 1.0)),
    (Hyperparameters(1, AUTO, 0.1), 10, Hyperparameters(1, 4, 0.1)),
])
def test_auto_stands_for_numbers(asked, examples, resolved):
    assert asked.resolved(examples) == resolved


def test_the_same_wish_gives_the_same_name(make):
    first, again = make(), make(hyperparameters=Hyperparameters(3, 4, 1.0))     # what "auto" stands for
    assert first.id != again.id
    assert first.model == again.model
    assert re.fullmatch(r"ft:base:course::[0-9a-f]{8}", first.model)


@pytest.mark.parametrize("other", [
    {"seed": 1}, {"hyperparameters": Hyperparameters(n_epochs=2)}, {"suffix": "tickets"}])
def test_another_wish_gives_another_name(make, other):
    assert make(**other).model != make().model


def test_another_file_or_another_base_gives_another_name(make, tmp_path):
    plain = make().model
    assert make(training_file=uploaded(examples(11))).model != plain
    asked = wish(tmp_path)
    assert jobs.create(replace(asked, base=replace(asked.base, fingerprint="base:2"))).model != plain


# ---------------------------------------------------------------- made

def test_a_job_is_queued_with_its_numbers_and_says_so(make):
    job = make(suffix="tickets", metadata={"part": "one"})
    assert job.card.items() >= {
        "object": "fine_tuning.job", "status": "queued", "model": "base", "error": None, "fine_tuned_model": None,
        "hyperparameters": {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}, "seed": 0,
        "metadata": {"part": "one"}, "validation_file": None, "result_files": []}.items()
    assert job.card["method"]["supervised"]["hyperparameters"] == job.card["hyperparameters"]
    assert messages(job) == [f"Created fine-tuning job: {job.id}",
                             f"Validating training file: {job.card['training_file']}",
                             "Files validated, moving job to queued state"]


def test_a_job_does_not_miss_its_files_when_they_are_deleted(make):
    name = uploaded()
    job = make(training_file=name, validation_file=name)
    files.delete(name)
    assert job.training.read_bytes() == job.validation.read_bytes() == examples()


def test_jobs_are_found_and_listed_the_newest_first(make):
    first, second = make(), make()
    assert jobs.everything() == [second, first]
    assert jobs.waiting() == [first, second]
    assert jobs.find(first.id) == first


@pytest.mark.parametrize("name", ["ftjob-nowhere", "", "..", "ftjob-../files", "training.lock"])
def test_an_unknown_job_is_refused(make, name):
    make()
    with pytest.raises(ApiError, match=re.escape(f"no fine-tuning job {name!r}")) as caught:
        jobs.find(name)
    assert caught.value.status == 404


# ---------------------------------------------------------------- refused

def test_a_file_that_is_not_there_or_not_for_training_is_refused(make):
    results = files.add(io.BytesIO(b"step,train_loss"), "metrics.csv", files.RESULTS).card["id"]
    for name, words in (("file-nowhere", "training_file: There is no file 'file-nowhere'"),
                        (results, "was uploaded for 'fine-tune-results'. Upload it with the purpose 'fine-tune'")):
        with pytest.raises(ApiError, match=words):
            make(training_file=name)
    with pytest.raises(ApiError, match="validation_file: There is no file"):
        make(validation_file="file-nowhere")
    assert jobs.everything() == []


def test_an_architecture_that_no_test_covers_is_refused(tmp_path):
    other = base_file(tmp_path / "other.gguf", "qwen2")
    asked = replace(wish(tmp_path), base=Base("other", str(other), "other:1"))
    with pytest.raises(ApiError, match="other is a model of the architecture 'qwen2', whose tuning no test covers"):
        jobs.create(asked)


def test_what_cannot_be_learned_fails_the_job_with_the_line(make):
    tools = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
             "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]}
    job = make(training_file=uploaded(examples() + json.dumps(tools).encode()))
    assert job.card["status"] == "failed"
    assert job.card["error"]["code"] == "invalid_training_file"
    assert re.search("Line 11: it offers tools", job.card["error"]["message"])
    assert jobs.waiting() == []


def test_too_little_room_fails_the_job_before_it_starts(make, monkeypatch):
    def none(_: object) -> None:
        raise room.NoRoom("Tuning needs more disk.", "insufficient_disk")
    monkeypatch.setattr(room, "need", none)
    job = make()
    assert (job.card["status"], job.card["error"]["code"]) == ("failed", "insufficient_disk")
    assert job.events()[0].items() >= {"level": "error", "message": "Tuning needs more disk."}.items()


# ---------------------------------------------------------------- ended

def test_a_model_that_is_there_ends_the_job_at_once(make, tmp_path):
    model = make().model
    tuned.add(model, adapter_file(tmp_path / "a.safetensors"), tmp_path / "base.gguf", step=6, metrics={},
              trained_tokens=600, result_file="file-results")
    card = (again := make()).card
    assert (card["status"], card["fine_tuned_model"]) == ("succeeded", model)
    assert (card["trained_tokens"], card["result_files"]) == (600, ["file-results"])
    assert "nothing needs to be trained" in messages(again)[-1]


def test_a_job_that_waits_is_cancelled_at_once(make):
    job = make()
    job.cancel()
    assert job.card["status"] == "cancelled" and job.card["finished_at"] and job.ended


def test_a_job_at_work_is_only_asked_to_end(make):
    job = make()
    job.change(status="running")
    job.cancel()
    assert job.cancel_asked and not job.ended


def test_a_job_that_has_ended_does_not_change_any_more(make):
    job = make()
    assert job.end("cancelled", "enough")
    assert not job.fail("too late", "late")
    assert not job.change(status="running")
    assert (job.card["status"], messages(job)[-1]) == ("cancelled", "enough")


# ---------------------------------------------------------------- events

def test_events_come_latest_first_and_one_with_data_is_a_metric(make):
    job = make()
    job.say("Step 1/2", data={"step": 1})
    latest, before = job.events()[:2]
    assert (latest["type"], latest["data"], before["type"]) == ("metrics", {"step": 1}, "message")
    assert len({event["id"] for event in job.events()}) == len(job.events())


def test_a_line_cut_off_by_a_kill_spoils_no_other(make):
    job = make()
    with (job.folder / "events.jsonl").open("a") as file:
        file.write('\n{"message": "half')
    job.say("whole")
    assert messages(job)[-2:] == ["Files validated, moving job to queued state", "whole"]


def test_a_job_is_seen_whole_while_it_is_changed(make):
    job = make()
    (job.folder / "job.1.part").write_text("{half")     # what a kill leaves behind
    assert Job(job.folder).card["status"] == "queued"
