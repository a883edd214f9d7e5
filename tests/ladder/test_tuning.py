"""The last rung goes through the fine-tuning of the course, or says why it cannot."""
from __future__ import annotations

import pytest

from helpers import finetuning
from helpers.ladder import tuning, wording
from helpers.ladder.rungs import Footing, Skip
from helpers.local import jobs
from helpers.provider import transport
from helpers.tasks import Example, LabelTask
from tests.ladder.own import texts
from tests.talking import always, connected, new_process, refusal
from tests.tuning_service import pretending_service

TASK = LabelTask("own", {"label": {"billing": "", "delivery": "", "product": ""}}, "label")
ROWS = [Example(f"e{i}", text, label, {}, TASK) for i, (text, label) in enumerate(texts(12))]


@pytest.fixture
def footing(monkeypatch) -> Footing:
    monkeypatch.setattr(finetuning, "_count", lambda path: {"examples": 12, "tokens": 480})
    return Footing(TASK, wording.forms(TASK)["prompt"][0])


@pytest.fixture
def pretending(monkeypatch, tmp_path):
    with pretending_service(monkeypatch, tmp_path) as service:
        monkeypatch.setattr(transport.service, "running", lambda: service)
        new_process(monkeypatch)
        yield


def test_a_model_is_trained_on_the_rows_and_asked(pretending, footing):
    said = []
    built = tuning.tuned(footing, ROWS, said.append)
    assert built.note.startswith("ft:course-135m:course::") and "trained on 12 rows, 3 epochs" in built.note
    assert said == ["fine-tune: 12 examples, 3 epochs: 1,440 tokens to train on, about 10 s on this machine"]
    assert built.ask(ROWS[0]).startswith("ft_course-135m") and built.seconds >= 0      # the echo names its folder


def test_a_training_that_fails_is_a_reason(pretending, footing, monkeypatch):
    def none(_: object) -> None:
        raise jobs.room.NoRoom("Tuning needs 1,580 MB of memory", "insufficient_memory")
    monkeypatch.setattr(jobs.room, "need", none)
    with pytest.raises(Skip, match="ended failed: Tuning needs"):
        tuning.tuned(footing, ROWS, print)


def test_a_provider_that_does_not_tune_is_a_reason(footing, monkeypatch, loopback):
    connected(monkeypatch, loopback(always(refusal(404, "no such path"))))
    with pytest.raises(Skip, match="does not fine-tune 'loop-1' for this account"):
        tuning.tuned(footing, ROWS, lambda line: None)


def test_too_few_rows_are_a_reason(footing):
    with pytest.raises(Skip, match="needs 10 rows, and there are 9"):
        tuning.tuned(footing, ROWS[:9], print)


def test_the_time_is_estimated_from_the_texts(footing):
    assert tuning.estimated(footing, ROWS * 2) == pytest.approx(2 * tuning.estimated(footing, ROWS))
    assert 2 < tuning.estimated(footing, ROWS) < 10
