"""The layer in one step is PEFT's layer, its gradients too."""
from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from helpers.local import lora


def adapted(*layers: nn.Module, dropout: float = 0.0) -> nn.Module:
    """Return a model with an adapter whose numbers are none of them zero, as they are after some steps."""
    torch.manual_seed(0)
    model = get_peft_model(nn.Sequential(*layers), LoraConfig(r=4, lora_alpha=12, target_modules="all-linear",
                                                              lora_dropout=dropout))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            nn.init.normal_(weight, std=0.2)
    return model


def bare(features_in: int, features_out: int) -> nn.Linear:
    return nn.Linear(features_in, features_out, bias=False)


def learned(model: nn.Module, texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """Return what comes out, and the gradients of what went in and of the adapter."""
    texts = texts.clone().requires_grad_()
    out = model(texts)
    out.float().square().mean().backward()
    return out, texts.grad, {name: one.grad for name, one in model.named_parameters() if one.grad is not None}


TEXTS = torch.randn(3, 5, 24, generator=torch.Generator().manual_seed(1))


def test_results_and_gradients_are_those_of_peft():
    theirs = adapted(bare(24, 40), nn.SiLU(), bare(40, 16))
    ours = lora.in_one_step(copy.deepcopy(theirs), torch.float32)
    (out, of_texts, of_weights), (same, also, too) = learned(theirs, TEXTS), learned(ours, TEXTS)
    torch.testing.assert_close(same, out)
    torch.testing.assert_close(also, of_texts)
    assert of_weights.keys() == too.keys() and len(too) == 4
    for name, gradient in of_weights.items():
        torch.testing.assert_close(too[name], gradient)


def test_in_bfloat16_it_rounds_as_autocast_does():
    theirs = adapted(bare(24, 40), nn.SiLU(), bare(40, 16))
    ours = lora.in_one_step(copy.deepcopy(theirs), torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (out, _, of_weights), (same, _, too) = learned(theirs, TEXTS), learned(ours, TEXTS)
    assert same.dtype == out.dtype == torch.bfloat16
    assert all(one.dtype == torch.float32 for one in too.values())
    for mine, reference in [(same, out), *((too[name], of_weights[name]) for name in too)]:
        assert (mine - reference).norm() < 0.02 * reference.norm()


def test_what_goes_in_needs_no_gradient():
    model = lora.in_one_step(adapted(bare(24, 16)), torch.float32)
    model(TEXTS).sum().backward()
    assert {name for name, one in model.named_parameters() if one.grad is not None} == {
        "base_model.model.0.lora_A.default.weight", "base_model.model.0.lora_B.default.weight"}


@pytest.mark.parametrize("model", [adapted(nn.Linear(24, 16)), adapted(bare(24, 16), dropout=0.1)],
                         ids=["a bias", "dropout"])
def test_a_layer_that_has_more_to_it_stays_as_it_is(model):
    before = model.eval()(TEXTS)
    assert "forward" not in vars(lora.in_one_step(model, torch.bfloat16).base_model.model[0])
    assert torch.equal(model(TEXTS), before)
