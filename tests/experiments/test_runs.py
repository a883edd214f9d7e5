"""A run is trained once, asked, kept in place of an older one; only the small adapter stays behind."""
from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from helpers.experiments import Point, points, runs
from helpers.local import weights
from helpers.settings import cache_folder
from tests.experiments.test_points import exam, point
from tests.tuning import adapter_file, base_file


class Engine:
    """Answers yes to everything but "b"."""

    def __init__(self, path):
        assert path.exists()

    def complete(self, request):
        said = "no" if request["messages"][-1]["content"] == "b" else "yes"
        assert request["temperature"] == 0 and request["max_tokens"] == 24
        return {"choices": [{"message": {"content": said}}], "usage": {"prompt_tokens": 5, "completion_tokens": 1}}


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Train nothing for real: return the list of what training was called with."""
    calls = []

    def train(base, lessons, recipe, folder, progress):
        calls.append(recipe)
        time.sleep(0.05)
        progress(20, 20, SimpleNamespace(losses=[0.5], tokens=100, seconds=2.0))
        (folder / "checkpoint.pt").write_bytes(b"large")
        adapter_file(folder / "adapter.safetensors")
        return SimpleNamespace(tokens=100, seconds=2.04, device="cpu", losses=[0.5])
    from helpers.local import training
    base = base_file(tmp_path / "base.gguf")
    monkeypatch.setattr(points, "RESULTS", tmp_path)
    monkeypatch.setattr(runs, "ChatEngine", Engine)
    monkeypatch.setattr(weights, "chat_model_path", lambda: base)
    monkeypatch.setattr(weights, "chat_model_fingerprint", lambda: "base:1")
    monkeypatch.setattr(training, "train", train)
    monkeypatch.setattr(training, "fitting", lambda base, conversations, longest: conversations)
    return calls


def done(one: Point) -> dict:
    """Do a run and keep it, as the command does."""
    row = runs.carry_out(one)
    runs.keep(one, row)
    return row


def test_a_run_is_kept_with_recipe_losses_and_every_answer(trained, capsys):
    done(point(seed=3, rank=8))
    row, = points.rows("toy")
    assert (row["examples"], row["tokens"], row["seconds"], row["losses"]) == (50, 100, 2.0, [0.5])
    assert row["base"] == "base:1"
    assert row["hyperparameters"] == {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0}
    assert row["exams"]["test"]["rows"] == [["a", True, True, "yes"], ["b", True, False, "no"]]
    assert (row["exams"]["test"]["prompt_tokens"], row["exams"]["test"]["completion_tokens"]) == (10, 2)
    assert (trained[0].rank, trained[0].alpha, trained[0].seed) == (8, 16, 3)
    assert capsys.readouterr().out == "  toy: n 50: step 20 of 20, loss 0.50, 50 tokens/s\n"


def test_what_is_done_is_known_and_an_adapter_is_trained_once(trained):
    assert not runs.is_done(point())
    done(point())
    assert runs.is_done(point()) and not runs.is_done(point(exams=[exam("a")]))
    done(point(settings={"n": 50, "exam": "short"}, exams=[exam("a")]))
    assert len(trained) == 1 and len(points.rows("toy")) == 2


def test_a_run_anew_takes_the_place_of_the_old_one(trained):
    for questions in (["a"], ["a", "b"]):
        done(point(exams=[exam(*questions)]))
    row, = points.rows("toy")
    assert len(row["exams"]["test"]["rows"]) == 2


def test_only_adapter_and_facts_stay_behind(trained):
    done(point())
    left = sorted(path.name for path in (cache_folder() / "experiments" / point().adapter_id).iterdir())
    assert left == ["adapter.safetensors", "facts.json", "training.lock"]


def test_side_by_side_an_adapter_is_trained_once(trained):
    plan = [point(settings={"n": 50, "exam": name}) for name in ("a", "b", "c")]
    with ThreadPoolExecutor(3) as pool:
        assert len({row["seconds"] for row in pool.map(runs.carry_out, plan)}) == 1
    assert len(trained) == 1


def test_the_model_as_it_is_needs_no_training(trained):
    row = done(point(training=[]))
    assert (trained, row["examples"], row["seconds"], row["losses"]) == ([], 0, 0.0, [])
    assert json.loads(points.path_of("toy").read_text())["exams"]["test"]["rows"][0][3] == "yes"
