"""A linear layer with its LoRA adapter as one step: PEFT's numbers, with fewer passes over memory.

    y = x Wᵀ + s (x Aᵀ) Bᵀ        W stays what it is; A and B, of rank r, are learned; s = alpha / r

(Hu and others, LoRA, 2021, arxiv.org/abs/2106.09685.) PEFT computes the two parts apart, then scales and adds them: on
a CPU these passes take as long as the adapter's products. Here a product is added to the one before it. PEFT still
makes, names and saves the adapter. Does not: know layers with a bias, with dropout or in 4 bits; they stay PEFT's.
"""
from __future__ import annotations

from types import MethodType

import torch
from peft.tuners.lora.layer import Linear

ADAPTER = "default"     # PEFT's name for the only one


class _Adapted(torch.autograd.Function):
    """The layer and its derivative. x: (..., in), W: (out, in), A: (r, in), B: (out, r) -> y: (..., out)."""

    @staticmethod
    def forward(ctx, x, weight, a, b, scale):
        rows, a, b = x.reshape(-1, x.shape[-1]).to(weight.dtype), a.to(weight.dtype), b.to(weight.dtype)
        low = rows @ a.T
        ctx.save_for_backward(rows, low, weight, a, b)
        ctx.scale = scale
        return (rows @ weight.T).addmm_(low, b.T, alpha=scale).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx, of_y):
        rows, low, weight, a, b = ctx.saved_tensors
        of_rows = of_y.reshape(-1, of_y.shape[-1])
        of_low = (of_rows @ b).mul_(ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:     # below the first adapter there is nothing to learn
            of_x = (of_rows @ weight).addmm_(of_low, a).view(*of_y.shape[:-1], -1)
        return of_x, None, of_low.T @ rows, (of_rows.T @ low).mul_(ctx.scale), None


def in_one_step(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Let the adapted linear layers of a PEFT model compute so, their own weights kept in `dtype`; return the model.

    Kept in bfloat16, a weight is rounded once and not at every step. The adapter stays in float32.
    """
    for layer in model.modules():
        if _fits(layer):
            layer.base_layer.to(dtype)
            layer.forward = MethodType(_forward, layer)
    return model


def _fits(layer: torch.nn.Module) -> bool:
    return (type(layer) is Linear and layer.base_layer.bias is None
            and isinstance(layer.lora_dropout[ADAPTER], torch.nn.Identity))


def _forward(layer: Linear, x: torch.Tensor) -> torch.Tensor:
    return _Adapted.apply(x, layer.base_layer.weight, layer.lora_A[ADAPTER].weight, layer.lora_B[ADAPTER].weight,
                          layer.scaling[ADAPTER])
