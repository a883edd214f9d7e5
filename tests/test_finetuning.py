"""Fine-tuning from a notebook: the file, the estimate, the job, what is seen of it, and what a provider refuses."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx2
import nbformat
import openai
import pytest
from nbclient import NotebookClient
from openai import OpenAI

from helpers import finetuning
from helpers.finetuning import (
    Estimate,
    NotOffered,
    check,
    conversation,
    estimate,
    losses,
    plot,
    seconds,
    split_by_group,
    start,
    watch,
    write,
)
from helpers.local import jobs, tuned, weights
from helpers.local.conversations import NotTeachable
from helpers.provider import transport
from helpers.provider.shelves import NotRecorded
from tests.conftest import REAL_CACHE
from tests.talking import MODEL, always, connected, in_turn, new_process, refusal
from tests.tuning import examples
from tests.tuning_service import pretending_service

HOUSE = str(Path(finetuning.__file__).parent.parent)
CHAT = weights.DEFAULT_CHAT_MODEL
ASKED = [{"role": "user", "content": "Où est mon colis?"}]


# ---------------------------------------------------------------- the training file

def test_an_example_is_what_is_asked_and_the_answer_to_learn():
    assert conversation(ASKED, "delivery") == {"messages": [*ASKED, {"role": "assistant", "content": "delivery"}]}
    assert conversation(ASKED, {"ort": "Köln"})["messages"][-1]["content"] == '{"ort": "Köln"}'
    assert len(ASKED) == 1


def test_examples_are_written_as_lines_and_the_same_ones_as_the_same_bytes(tmp_path):
    path = write((conversation(ASKED, answer) for answer in ("a", "b")), tmp_path / "new" / "train.jsonl")
    first = path.read_bytes()
    assert first.count(b"\n") == 2 and b"\r" not in first and "Où" in first.decode()
    assert [json.loads(line)["messages"][-1]["content"] for line in first.splitlines()] == ["a", "b"]
    assert write([conversation(ASKED, answer) for answer in ("a", "b")], path).read_bytes() == first


def test_what_cannot_be_written_leaves_the_old_file_as_it_was(tmp_path):
    path = write([conversation(ASKED, "a")], tmp_path / "train.jsonl")
    before = path.read_bytes()
    for faulty in ([], [conversation(ASKED, "b"), {"messages": object()}]):
        with pytest.raises((ValueError, TypeError)):
            write(faulty, path)
    assert path.read_bytes() == before and not list(tmp_path.glob("*.part"))


ROWS = [(f"row {n}", f"customer {n % 7}") for n in range(70)]


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_both_sides_of_a_split(seed):
    kept, aside = split_by_group(ROWS, lambda row: row[1], 0.3, seed)
    assert not {name for _, name in kept} & {name for _, name in aside}
    assert len(aside) == 20 and sorted(kept + aside) == sorted(ROWS)
    assert kept == [row for row in ROWS if row in kept]


def test_a_split_is_the_same_for_the_same_seed_and_only_for_that():
    first, again, other = (split_by_group(ROWS, lambda row: row[1], 0.3, seed)[1] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(("sizes", "share", "aside"), [([9, 1], 0.5, 1), ([5, 5], 0.1, 5), ([1, 1], 1.0, 1)])
def test_both_sides_of_a_split_have_something(sizes, share, aside):
    rows = [name for name, size in enumerate(sizes) for _ in range(size)]
    assert [len(side) for side in split_by_group(rows, lambda row: row, share)] == [len(rows) - aside, aside]


def test_one_group_cannot_be_split():
    with pytest.raises(ValueError, match=r"70 rows in 1 group\(s\) cannot be split.*something finer"):
        split_by_group(ROWS, lambda row: "all", 0.3)


def test_a_check_names_the_file_and_no_folder(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(examples(12))
    report = check(path, path)
    assert report.ok and str(report).startswith("train.jsonl: 12 examples")
    assert "leakage" in str(report) and str(tmp_path) not in str(report)


# ---------------------------------------------------------------- what it takes

@pytest.fixture
def counted(monkeypatch, tmp_path):
    """A training file of 10 examples, and the counting, which pretends that each has 40 tokens."""
    monkeypatch.setattr(finetuning, "_count", lambda path: {"examples": 10, "tokens": 400})
    path = tmp_path / "train.jsonl"
    path.write_bytes(examples())
    new_process(monkeypatch)
    return path


def test_an_estimate_reads_as_one_line():
    assert repr(Estimate(200, 56_700, 3, 147.0)) == \
        "200 examples, 3 epochs: 56,700 tokens to train on, about 2 minutes on this machine"
    assert repr(Estimate(1, 200, 1, 0.2, 1.4175)) == \
        "1 example, 1 epoch: 200 tokens to train on, about 1 s on this machine; hosted, $1.42"


def test_an_estimate_multiplies_tokens_by_epochs_speed_and_price(counted):
    found = estimate(counted, 5, price=25.0, speed=100)
    assert (found.examples, found.tokens, found.seconds, found.dollars) == (10, 2_000, 20.0, 0.05)
    assert estimate(counted).seconds == 1_200 / finetuning.SPEED and estimate(counted).dollars is None


def test_tokens_are_counted_once_and_replayed_without_weights(counted, monkeypatch):
    monkeypatch.setenv("COURSE_RECORD", "nb")
    new_process(monkeypatch)
    first = estimate(counted)
    monkeypatch.delenv("COURSE_RECORD")
    monkeypatch.setenv("COURSE_REPLAY", "only")
    monkeypatch.setattr(finetuning, "_count", None)
    new_process(monkeypatch)
    assert estimate(counted) == first
    counted.write_bytes(examples(11))
    with pytest.raises(NotRecorded, match=r"the tokens of train\.jsonl are not recorded.*course\.py record"):
        estimate(counted)


@pytest.mark.live
def test_an_estimate_counts_the_tokens_that_a_job_trains_on(tmp_path):
    from helpers.local import training  # takes seconds to import
    path = write([conversation([{"role": "user", "content": "Is it late?"}], "yes")] * 3, tmp_path / "train.jsonl")
    file = REAL_CACHE / f"{weights.COURSE.name}.{weights.COURSE.version}.gguf"
    found = finetuning._count(path)
    read = training.tokenizer_of(file).apply_chat_template(
        [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "yes"}], tokenize=False)
    tokens = training.tokenizer_of(file)(read.rstrip("\n"), add_special_tokens=False).input_ids
    assert found == {"examples": 3, "tokens": 3 * len(tokens)}


def test_a_file_that_teaches_nothing_is_refused_by_its_line(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "chat_model_path", lambda name=None: tmp_path)
    path = tmp_path / "train.jsonl"
    path.write_text("{}\n")
    new_process(monkeypatch)
    with pytest.raises(NotTeachable, match="Line 1"):
        estimate(path)


# ---------------------------------------------------------------- a job, through the course's client

@pytest.fixture
def client(monkeypatch, tmp_path) -> Iterator[OpenAI]:
    """The course's client, its service one that pretends."""
    with pretending_service(monkeypatch, tmp_path) as service:
        monkeypatch.setattr(transport.service, "running", lambda: service)
        yield new_process(monkeypatch)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "train.jsonl"
    file.write_bytes(examples(12))
    return file


def test_a_job_is_started_watched_and_read(client, path, capsys):
    job = start(client, CHAT, path, path, n_epochs=2, seed=7, suffix="tickets")
    assert (job.status, job.seed, job.hyperparameters.n_epochs) == ("queued", 7, 2)
    done = watch(client, job, every=0.1)
    assert done.status == "succeeded" and done.fine_tuned_model.startswith(f"ft:{CHAT}:course:tickets:")
    found = losses(client, done)
    assert found.step.to_list() == [1, 2, 3, 4] and found.training.to_list() == [2.0, 1.0, 0.6667, 0.5]
    assert found.validation.dropna().to_dict() == {1: 1.0, 3: 1.0}
    assert losses(client, done.id).equals(found) and seconds(done) == done.finished_at - done.created_at >= 0
    assert capsys.readouterr().out == ""


def test_the_speed_of_the_last_job_is_the_next_estimates(client, counted, path, monkeypatch):
    watch(client, start(client, CHAT, path, n_epochs=1), every=0.1)
    measured = finetuning._last_speed()
    assert measured > 1_000 and estimate(counted).seconds == pytest.approx(1_200 / measured)
    monkeypatch.setenv("COURSE_REPLAY", "only")
    assert finetuning._last_speed() is None


def test_losses_of_a_model_that_was_there_are_those_of_its_training(client, path):
    first = losses(client, watch(client, start(client, CHAT, path, path, n_epochs=2), every=0.1))
    again = start(client, CHAT, path, path, n_epochs=2)
    assert again.status == "succeeded" and not finetuning._metrics(client, again.id)
    assert losses(client, again).equals(first)


def test_a_whole_training_is_replayed_with_nothing_said(client, path, monkeypatch, capsys):
    def story(client: OpenAI) -> list:
        job = watch(client, start(client, CHAT, path, path, n_epochs=2), every=0.1)
        reply = client.chat.completions.create(model=job.fine_tuned_model, messages=ASKED)
        return [job, losses(client, job).to_csv(), seconds(job), reply.choices[0].message.content]
    monkeypatch.setenv("COURSE_RECORD", "nb")
    live = story(new_process(monkeypatch))
    for model in tuned.names():
        tuned.delete(model)
    monkeypatch.delenv("COURSE_RECORD")
    monkeypatch.setenv("COURSE_REPLAY", "only")
    monkeypatch.setattr(transport.service, "running", None)
    capsys.readouterr()
    assert story(new_process(monkeypatch)) == live
    assert "".join(capsys.readouterr()) == ""


def test_a_model_that_was_trained_elsewhere_says_how_to_have_it_here(client):
    with pytest.raises(openai.NotFoundError, match=r"recorded on another machine.*run the cell that trains it"):
        client.chat.completions.create(model=f"ft:{CHAT}:course::1a2b3c4d", messages=ASKED)


def test_a_job_that_failed_is_returned_and_its_reason_said(client, path, monkeypatch, capsys):
    def none(_: object) -> None:
        raise jobs.room.NoRoom("Tuning needs 1,580 MB of memory", "insufficient_memory")
    monkeypatch.setattr(jobs.room, "need", none)
    assert watch(client, start(client, CHAT, path)).status == "failed"
    assert "failed: Tuning needs 1,580 MB of memory" in capsys.readouterr().err


def test_a_cancelled_job_ends_the_watching(client, path, monkeypatch):
    monkeypatch.setenv("PRETEND", json.dumps({"seconds": 60}))
    job = start(client, CHAT, path)
    client.fine_tuning.jobs.cancel(job.id)
    assert watch(client, job.id).status == "cancelled"


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(client, path, monkeypatch):
    monkeypatch.setenv("PRETEND", json.dumps({"seconds": 60}))
    job = start(client, CHAT, path)
    said = rf"{job.id} goes on.*watch\(client, '{job.id}'\).*jobs\.cancel"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt, match=said):
        patch.setattr(finetuning, "time", SimpleNamespace(sleep=interrupted))
        watch(client, job)
    assert client.fine_tuning.jobs.retrieve(job.id).status not in jobs.ENDED


def interrupted(_: float) -> None:
    raise KeyboardInterrupt


def test_the_seconds_of_a_job_that_goes_on_are_not_known(client, path, monkeypatch):
    monkeypatch.setenv("PRETEND", json.dumps({"seconds": 60}))
    job = start(client, CHAT, path)
    with pytest.raises(ValueError, match=rf"{job.id} has not ended: it is queued.*watch"):
        seconds(job)


def test_a_setting_that_is_none_is_named_with_those_there_are(client, path):
    with pytest.raises(TypeError, match=r"no setting 'epochs'\. There are: n_epochs, batch_size"):
        start(client, CHAT, path, epochs=3)
    with pytest.raises(openai.BadRequestError, match="0 is neither 'auto'"):
        start(client, CHAT, path, n_epochs=0)


# ---------------------------------------------------------------- a provider that refuses

@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_hosted_provider_that_refuses_is_named_with_who_else_tunes(loopback, monkeypatch, path, status):
    file = 200, {}, {"id": "file-1", "object": "file"}
    client = connected(monkeypatch, loopback(in_turn(file, refusal(status, "not for new organizations"))))
    said = rf"127\.0\.0\.1 does not fine-tune 'loop-1'.*{status}: not for new.*connect\('course-135m'\).*Azure.*GPU"
    with pytest.raises(NotOffered, match=said):
        start(client, MODEL, path)


def test_openais_end_is_told_with_its_dates():
    asked = httpx2.Request("POST", "https://api.openai.com/v1/files")
    error = openai.PermissionDeniedError("no", response=httpx2.Response(403, request=asked), body=None)
    told = finetuning._not_offered(OpenAI(api_key="x"), "gpt-4.1", error)
    assert "(403: no). OpenAI has let no new organisation create jobs since 2026-05-07" in told


def test_trouble_of_another_kind_is_passed_on(loopback, monkeypatch, path):
    client = connected(monkeypatch, loopback(always(refusal(401, "no such key"))))
    with pytest.raises(openai.AuthenticationError):
        start(client, MODEL, path)


# ---------------------------------------------------------------- what is seen meanwhile

FOUND = {step: {"step": step, "train_loss": 2 / step, "total_steps": 20, "seconds_left": 20.0 - step}
         for step in range(1, 11)}


def test_in_a_terminal_a_line_comes_with_every_tenth_of_the_way(capsys):
    with finetuning._Screen("ftjob-1") as screen:
        screen.show("queued", {})
        for step in FOUND:
            screen.show("running", {number: FOUND[number] for number in range(1, step + 1)})
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == "" and lines[0] == "ftjob-1: queued" and len(lines) == 7
    assert lines[2] == "ftjob-1: step 2 of 20, training loss 1.00, about 18 s left"


def test_in_a_replay_nothing_is_shown(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_REPLAY", "only")
    with finetuning._Screen("ftjob-1") as screen:
        screen.show("running", FOUND)
    assert "".join(capsys.readouterr()) == ""


def test_a_plot_has_a_line_for_training_and_dots_for_validation():
    drawn = plot(FOUND | {10: FOUND[10] | {"full_valid_loss": 1.0}})
    assert drawn.count("<circle") == 1 and drawn.count(",") >= 10 and 'aria-label="loss over steps"' in drawn
    assert plot({}) == ""


def test_a_hosted_providers_losses_are_read_as_well():
    data = {"step": 1, "train_loss": 0.9, "valid_loss": 0.8}
    assert finetuning._validation_loss(data) == 0.8
    assert finetuning._line("ftjob-1", "running", {1: data}) == \
        "ftjob-1: step 1, training loss 0.90, validation loss 0.80"


WATCHED = """
from types import SimpleNamespace as Named
from helpers import finetuning
statuses = iter(["queued", "running", "succeeded"])
event = Named(type="metrics", data={"step": 1, "train_loss": 2.0, "total_steps": 9})
jobs = Named(retrieve=lambda name: Named(status=next(statuses)), list_events=lambda name, limit: [event])
client = Named(fine_tuning=Named(jobs=jobs))
puts = []
class Seen(finetuning.Fleeting):
    def put(self, text, html):
        puts.append((text, "<svg" in html))
        super().put(text, html)
finetuning.Fleeting = Seen
"""


def test_a_saved_notebook_shows_no_trace_of_the_plot_that_was_there(tmp_path):
    cells = [WATCHED, "finetuning.watch(client, 'ftjob-1', every=0.01).status, puts"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=300, iopub_timeout=60, resources={"metadata": {"path": HOUSE}}).execute()
    first, shown = notebook.cells[0].outputs, notebook.cells[1].outputs
    assert first == [] and [one.output_type for one in shown] == ["display_data", "execute_result"]
    assert shown[0].data == {}
    line = "ftjob-1: step 1 of 9, training loss 2.00"
    assert shown[1].data["text/plain"] == f"('succeeded',\n [('{line}', True),\n  ('{line}', True)])"


def test_importing_it_does_not_bring_torch():
    code = "import sys, helpers.finetuning; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True)
    assert found.stdout.split() == ["False", "False"], found.stderr
