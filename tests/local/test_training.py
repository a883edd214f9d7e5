"""Training: what is learned, what sees what, and a run that is cut off ends as it would have."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from helpers import finetuning
from helpers.local import conversations, training, weights
from helpers.local.training import Bundle, Conversation, Recipe, answer_loss, bf16_pays, bundled, rate, sees, train
from helpers.settings import ROOT
from helpers.tasks import load_task
from tests import notebook_checks
from tests.conftest import REAL_CACHE

SYSTEM = {"role": "system", "content": "Answer yes or no."}
TINY = Recipe(rank=2, alpha=4, learning_rate=1e-3, batch_tokens=64, longest=64)


def conversation(question: str, answer: str) -> Conversation:
    messages = [SYSTEM, {"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return Conversation(messages, [2])


@pytest.fixture(scope="module")
def raw() -> Path:
    return REAL_CACHE / f"{weights.SMOLLM2.name}.{weights.SMOLLM2.recipe}.gguf"


@pytest.fixture(scope="module")
def tokenizer(raw):
    return training.AutoTokenizer.from_pretrained(raw.parent, gguf_file=raw.name)


@pytest.fixture(scope="module")
def model(raw):
    """The model in float32, also where bfloat16 pays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "bf16_pays", lambda device: False)
        return training._with_adapter(raw, TINY, "cpu")


# ---------------------------------------------------------------- tokens

@pytest.mark.live
def test_answer_and_end_mark_are_learned_and_nothing_else(tokenizer):
    bundle = bundled(tokenizer, [conversation("Is it late?", "yes")])
    learned = [token for token, weight in zip(bundle.token, bundle.weight, strict=True) if weight]
    assert tokenizer.decode(learned) == "yes<|im_end|>"
    assert tokenizer.decode(bundle.token).startswith("<|im_start|>system\nAnswer yes or no.<|im_end|>")


@pytest.mark.live
def test_earlier_answers_are_learned_only_when_named(tokenizer):
    messages = [*conversation("Is it late?", "yes").messages, *conversation("Is it early?", "no").messages[1:]]
    both, last = (bundled(tokenizer, [Conversation(messages, learned)]) for learned in ([2, 4], [4]))
    assert both.token == last.token
    assert sum(weight > 0 for weight in both.weight) == 4 == 2 * sum(weight > 0 for weight in last.weight)


@pytest.mark.live
def test_what_conversations_begin_with_is_read_once(tokenizer):
    apart = [bundled(tokenizer, [conversation(text, "no")]) for text in ("Is it late?", "Are you there?")]
    together = bundled(tokenizer, [conversation("Is it late?", "no"), conversation("Are you there?", "no")])
    shared = together.ending.count(0)
    assert len(together) == sum(map(len, apart)) - shared
    assert together.position[shared:] == [*range(shared, len(apart[0])), *range(shared, len(apart[1]))]


def test_an_ending_does_not_see_another():
    seen = sees(torch.tensor([[0, 0, 1, 1, 2]]))[0, 0]
    assert seen[3].tolist() == [True, True, True, True, False]
    assert seen[4].tolist() == [True, True, False, False, True]


@pytest.mark.live
def test_long_answers_weigh_more_than_short_ones_but_not_in_proportion(tokenizer):
    short, long = (bundled(tokenizer, [conversation("Well?", answer)]).weight for answer in ("no", "no " * 20))
    assert 1.5 < sum(long) / sum(short) < 5


def test_a_bundle_that_is_too_long_is_left_out():
    def bundle(length: int) -> Bundle:
        return Bundle([1] * length, [1.0] * length, [0] * length, list(range(length)))
    batches = training._batches([bundle(10), bundle(20), bundle(65)], TINY)
    assert sorted(len(one) for batch in batches for one in batch) == [10, 20]


def test_a_batch_holds_no_more_tokens_than_asked_for():
    bundles = [Bundle([1] * n, [1.0] * n, [0] * n, list(range(n))) for n in range(1, 65)]
    for batch in training._batches(bundles, TINY):
        assert len(batch) * max(map(len, batch)) <= TINY.batch_tokens
    order = [[len(one) for one in batch] for batch in training._batches(bundles, replace(TINY, epochs=2))]
    assert sorted(map(tuple, order))[::2] == sorted(map(tuple, order))[1::2] and order != sorted(order)


def test_the_rate_rises_then_falls_to_a_tenth():
    recipe = Recipe(learning_rate=1e-3, warmup=0.1)
    rates = [rate(step, 100, recipe) for step in range(100)]
    assert rates[0] == pytest.approx(1e-4) and max(rates) == pytest.approx(1e-3) == rates[9]
    assert rates[9:] == sorted(rates[9:], reverse=True) and rates[-1] == pytest.approx(1e-4, rel=0.02)


def test_bfloat16_is_used_where_it_is_faster(monkeypatch):
    for half, pays in ((0.5, True), (2.0, False)):
        bf16_pays.cache_clear()
        monkeypatch.setattr(training, "_seconds_to_multiply", {torch.bfloat16: half, torch.float32: 1.0}.get)
        assert bf16_pays("cpu") is pays
        assert bf16_pays("cuda") and not bf16_pays("mps")
    bf16_pays.cache_clear()


@pytest.mark.parametrize(("nvidia", "apple", "device"),
                         [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")])
def test_a_gpu_is_used_where_there_is_one(monkeypatch, nvidia, apple, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: nvidia)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: apple)
    assert training.device_here() == device


# ---------------------------------------------------------------- the loss

@pytest.fixture
def exact(monkeypatch) -> None:
    """Reckon in float32 also where bfloat16 pays: by its rounding two sums of the same numbers are 4% apart."""
    monkeypatch.setattr(training, "bf16_pays", lambda device: False)


@pytest.mark.live
def test_together_or_apart_the_loss_is_the_same(model, tokenizer, exact):
    both = [conversation("Is it late?", "no"), conversation("Are you there?", "yes")]
    with torch.no_grad():
        together = answer_loss(model, training._padded([bundled(tokenizer, both)], "cpu"))
        apart = [answer_loss(model, training._padded([bundled(tokenizer, [one])], "cpu")) for one in both]
    assert float(together) == pytest.approx(float(sum(apart)) / 2, rel=1e-4)


@pytest.mark.live
def test_filling_up_a_row_changes_nothing(model, tokenizer, exact):
    short, long = (bundled(tokenizer, [conversation(text, "no")]) for text in ("Late?", "Is it late " * 9 + "?"))
    with torch.no_grad():
        alone = answer_loss(model, training._padded([short], "cpu"))
        mixed = answer_loss(model, training._padded([short, replace(long, weight=[0.0] * len(long))], "cpu"))
    assert float(mixed) == pytest.approx(float(alone), rel=1e-4)


# ---------------------------------------------------------------- a run

BUNDLES = [[conversation(f"Is {word} a colour?", answer)] for word, answer in
           [("red", "yes"), ("bread", "no"), ("blue", "yes"), ("rain", "no")]]


def recipe_of(steps: int) -> Recipe:
    return replace(TINY, batch_tokens=40, epochs=steps // len(BUNDLES), learning_rate=5e-3)


def adapter_of(path: Path) -> dict:
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}    # noqa: SIM118


@pytest.mark.live
def test_a_run_cut_off_and_taken_up_again_ends_as_it_would_have(raw, tmp_path):
    whole = train(raw, [BUNDLES], recipe_of(8), tmp_path / "whole")
    assert train(raw, [BUNDLES], recipe_of(8), tmp_path / "cut", stop_after=0) is None
    interrupted = False

    def interrupt(step: int, steps: int, so_far: object) -> None:
        nonlocal interrupted
        if step == 3 and not interrupted:
            interrupted = True
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(raw, [BUNDLES], recipe_of(8), tmp_path / "cut", interrupt)
    taken_up = train(raw, [BUNDLES], recipe_of(8), tmp_path / "cut")
    assert taken_up.losses == pytest.approx(whole.losses, rel=0.02)
    assert taken_up.tokens == whole.tokens and len(whole.losses) == 8
    first, second = adapter_of(whole.adapter), adapter_of(taken_up.adapter)
    assert all(torch.allclose(first[name], second[name], atol=2e-3) for name in first)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.live
def test_a_checkpoint_of_another_recipe_or_other_data_is_not_taken_up(raw, tmp_path):
    assert train(raw, [BUNDLES], recipe_of(4), tmp_path, stop_after=0) is None
    for lessons, recipe in (([BUNDLES], recipe_of(8)), ([BUNDLES[::-1], BUNDLES[:1]], recipe_of(4))):
        with pytest.raises(ValueError, match=r"another recipe or to other data.*Remove it"):
            train(raw, lessons, recipe, tmp_path, stop_after=0)


@pytest.mark.live
def test_a_run_may_begin_with_the_adapter_of_another(raw, tmp_path):
    first = train(raw, [BUNDLES], recipe_of(16), tmp_path / "first")
    later = train(raw, [BUNDLES], recipe_of(4), tmp_path / "later", begin=first.adapter)
    anew = train(raw, [BUNDLES], recipe_of(4), tmp_path / "anew")
    assert later.losses[0] < anew.losses[0] / 2
    with pytest.raises(ValueError, match="another recipe"):     # begun otherwise, it is another run
        train(raw, [BUNDLES], recipe_of(4), tmp_path / "later", stop_after=0)


# ---------------------------------------------------------------- epochs, examples a step, what is not learned

def test_a_step_may_read_a_number_of_examples():
    bundles = [Bundle([1] * n, [1.0] * n, [0] * n, list(range(n))) for n in range(1, 11)]
    batches = training._batches(bundles, replace(TINY, batch_examples=4, epochs=2))
    assert sorted(map(len, batches)) == [2, 2, 4, 4, 4, 4]


def test_a_setting_that_is_not_used_is_no_part_of_a_run():
    assert "batch_examples" not in TINY.settings
    assert replace(TINY, batch_examples=4).settings["batch_examples"] == 4


@pytest.mark.live
def test_in_parts_or_at_once_the_loss_is_the_same(model, tokenizer, tmp_path, exact):
    bundles = sorted((bundled(tokenizer, one) for one in BUNDLES), key=len)
    whole, parts = (training._Run(model, [bundles], replace(TINY, batch_tokens=tokens), tmp_path, None, [])
                    for tokens in (1_000, 64))
    with torch.no_grad():
        at_once, in_parts = list(whole._parts(bundles)), list(parts._parts(bundles))
    assert len(at_once) == 1 < len(in_parts)
    assert float(sum(in_parts)) == pytest.approx(float(sum(at_once)), rel=1e-4)


@pytest.mark.live
def test_after_each_epoch_the_adapter_is_kept_and_what_is_not_learned_is_measured(raw, tmp_path):
    recipe = replace(TINY, batch_examples=4, epochs=2, learning_rate=5e-3)
    seen = []

    def see(step: int, steps: int, so_far: training.Losses) -> None:
        seen.append((step, dict(so_far.validation)))
    train(raw, [BUNDLES], recipe, tmp_path / "run", see, validation=BUNDLES[0])
    assert [step for step, _ in seen] == [1, 2]
    assert list(seen[-1][1]) == [1, 2] and seen[-1][1][2] < seen[-1][1][1]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "adapter.safetensors", "checkpoint.pt", "epoch-1.safetensors"]


@pytest.mark.live
def test_the_notebooks_own_loop_learns_what_the_trainer_learns(tokenizer):
    notebook = ROOT / "notebooks" / "04_fine_tuning.ipynb"
    question = notebook_checks.function_in(notebook, "question", SHORT="Sort the message.")
    lesson = notebook_checks.function_in(notebook, "lesson", question=question, finetuning=finetuning)
    shown = notebook_checks.function_in(notebook, "tokens", lesson=lesson, tokenizer=tokenizer)
    for example in load_task("tickets").train[:20]:
        ids, goals = shown(example)
        bundle = bundled(tokenizer, [conversations.conversation(lesson(example))])
        assert ids == bundle.token
        assert [goal != -100 for goal in goals] == [weight > 0 for weight in bundle.weight]
        assert all(goal in (-100, token) for goal, token in zip(goals, ids, strict=True))
