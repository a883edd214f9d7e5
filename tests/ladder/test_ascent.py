"""Going up: choices on validation, the test once, nothing asked twice, a reason for what is left out."""
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.ladder import ascent, wording
from helpers.ladder.ascent import Climb
from helpers.ladder.plan import Plan
from helpers.ladder.rungs import Built, Candidate, Footing, Skip
from helpers.tasks import Example, LabelTask
from tests.ladder.own import label_of, labelled, served, server, texts

HOUSE = Path(__file__).resolve().parents[2]
LABELS = {"billing": "", "delivery": "", "product": ""}


def a_task() -> LabelTask:
    task = LabelTask("own", {"label": LABELS}, "label")
    made = [Example(f"e{i}", text, label, {}, task) for i, (text, label) in enumerate(texts(72))]
    task.train, task.validation, task.test = made[:30], made[30:50], made[50:]
    return task


def ready(*names: str, validation: int = 20, **more) -> Climb:
    task = a_task()
    footing = Footing(task, wording.forms(task)["prompt"][-1])
    return Climb(footing, Plan(22, validation, [], 15), names, lambda line: None, **more)


def by_system_prompt(asked: dict) -> str:
    """Right only if a system prompt says what to do, and then under no schema."""
    if "response_format" in asked:
        return json.dumps({"label": "billing"})
    return label_of(asked["messages"][-1]["content"]) if asked["messages"][0]["role"] == "system" else "billing"


def test_what_does_best_on_validation_is_tested_and_stood_on(monkeypatch, loopback):
    served(monkeypatch, loopback, server(by_system_prompt))
    one = ready("prompt", "schema", "few-shot")
    prompt, schema, few_shot, tuned = one.up()
    assert prompt.chosen == "names as system prompt" and prompt.run.accuracy > 0.7
    assert schema.run.accuracy < 0.5 and one.footing.form.settings == {}
    assert few_shot.chosen == "4 fixed examples" and few_shot.run.accuracy == prompt.run.accuracy
    assert "not named in --rungs" in tuned.skipped
    held_out = {one.input for one in one.footing.task.test}
    sent = Counter(json.dumps(asked.json) for asked in loopback.requests)
    tested = [body for body in sent if any(text in body for text in held_out)]
    assert len(tested) == 3 * 22 and max(sent.values()) == 1       # once for each rung


def test_without_validation_rows_the_first_candidate_is_taken(monkeypatch, loopback):
    served(monkeypatch, loopback)
    [prompt, _] = ready("prompt", validation=0).up()
    assert prompt.choices == [] and prompt.chosen == "label names" and loopback.count == 22


def test_a_climb_that_was_killed_goes_on_and_asks_nothing_twice(tmp_path, loopback):
    running: list[subprocess.Popen] = []
    path = labelled(tmp_path, 100)
    url = loopback(server(stop=lambda count: running[0].kill() if count == 12 else None))
    first, again = (command(path, url, running) for _ in range(2))
    assert first.returncode == -signal.SIGKILL and again.returncode == 0, again.stderr
    sent = Counter(asked.body for asked in loopback.requests if asked.body.endswith(b"}"))
    assert len(sent) == 25 and sent.total() - len(sent) <= 8        # what was on its way when it was killed
    assert "It asked for" in (tmp_path / "out.html").read_text()


def command(path: Path, url: str, running: list) -> subprocess.CompletedProcess:
    """Run the command in a process of its own and return how it ended."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    settings |= {"OPENAI_BASE_URL": url, "COURSE_MODEL": "loop-1", "COURSE_STORE": str(path.parent / "store")}
    words = [sys.executable, "-m", "helpers.ladder", str(path), "--rungs", "prompt", "--report",
             str(path.parent / "out.html")]
    with subprocess.Popen(words, env=settings, cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        running[:] = [process]
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def test_money_that_runs_out_is_a_reason_and_the_rest_is_kept(monkeypatch, loopback):
    served(monkeypatch, loopback)
    monkeypatch.setenv("COURSE_PRICE", "100,100")
    monkeypatch.setenv("COURSE_BUDGET", "0.05")
    majority, *_, prompt, _ = ready("baselines", "prompt").up()
    assert majority.run.total == 22 and "of the budget" in prompt.skipped and prompt.run is None


def test_without_training_rows_each_rung_says_so_once(monkeypatch, loopback):
    served(monkeypatch, loopback)
    one = ready("baselines", "prompt", target=0.9, tune_at_will=True)
    one.footing.task.train = []
    assert [(step.rung, step.skipped) for step in one.up()] == [
        ("baselines", "there are no rows to learn from"), ("prompt", ""),
        ("fine-tune", "training needs 10 rows, and there are 0")]


def test_candidates_too_long_to_be_read_are_left_out(monkeypatch, loopback):
    served(monkeypatch, loopback)
    one = ready("prompt")
    one.plan = replace(one.plan, dropped={"label names": "too long"})
    assert one.up()[0].chosen == "names as system prompt"
    one.plan = replace(one.plan, dropped={"label names": "", "names as system prompt": ""})
    assert one.up()[-2].skipped == "its prompts are longer than the model reads"


# ---------------------------------------------------------------- the last rung

@pytest.fixture
def training(monkeypatch) -> list[int]:
    """A training that knows every answer; how many rows it was given."""
    given: list[int] = []

    def tuned(footing, rows, say) -> Built:
        given.append(len(rows))
        return Built(lambda example: example.expected, 130.0, "ft:it")
    monkeypatch.setattr(ascent.tuning, "tuned", tuned)
    return given


def test_a_missed_target_starts_the_training_where_it_is_free(monkeypatch, loopback, training):
    served(monkeypatch, loopback)
    *_, tuned = ready("baselines", target=0.9, tune_at_will=True).up()
    assert training == [30] and (tuned.run.name, tuned.once, tuned.run.accuracy) == ("fine-tuned", 130.0, 1.0)


@pytest.mark.parametrize(("more", "said"), [
    ({}, "not named in --rungs"), ({"target": 0.9}, "not named in --rungs"),
    ({"target": 0.1, "tune_at_will": True}, "a rung below reaches the target"),
])
def test_otherwise_it_is_left_out_with_the_reason(training, more, said):
    names = ("baselines",) if "target" in more and more["target"] < 0.5 else ()
    one = ready(*names, **more)
    one.steps = [ascent.Step("baselines", "baseline", run=None)] if not names else []
    if names:
        one.steps = list(one._tried(ascent.RUNGS[0]))
    assert said in one._last().skipped and training == []


def test_a_training_too_long_for_the_minutes_waits_to_be_named(training):
    one = ready(target=0.9, tune_at_will=True)
    one.plan = replace(one.plan, minutes=0.01)
    assert "name it in --rungs to do it anyway" in one._last().skipped
    one.names = ("fine-tune",)
    assert one._last().run.accuracy == 1.0


def test_building_is_timed_and_a_replayed_call_counts_as_long_as_it_took(monkeypatch, loopback):
    served(monkeypatch, loopback)
    task = a_task()
    candidate = ascent.RUNGS[2].candidates(Footing(task, wording.forms(task)["prompt"][0]))[0]
    first, again = ascent._built(candidate)[1], ascent._built(candidate)[1]
    assert first > 0 and again > 0
    assert ascent._built(Candidate("a", lambda: Built(print, 7.0)))[1] == 7.0


def test_a_rung_that_cannot_apply_has_no_place_in_the_plan():
    task = a_task()
    found = ascent.sizes(Footing(task, wording.forms(task)["prompt"][0]), ["prompt", "rag", "baselines"])
    assert list(found) == ["prompt"]
    with pytest.raises(Skip):
        ascent.RUNGS[-1].candidates(Footing(task, wording.forms(task)["prompt"][0]))
