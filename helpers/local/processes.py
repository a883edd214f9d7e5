"""Several processes that train one adapter: what each reads of a batch, and how they add up what they found.

    with joined() as processes:             started by `accelerate launch` or `torchrun`; by hand, one that is alone
        train(weights, lessons, recipe, folder, processes=processes)

Each has the whole model and reads its share of every batch. The adapter's gradients, some five million numbers, are
summed, and all make the same step. The first one reports and writes. One that is told to end finishes its step, and
all stop after it.
Does not: start processes, split a model that is too large for one GPU, or know other machines' disks.
"""
from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import distributed


class ProcessLost(RuntimeError):
    """Another process ended before the training did; the message says what was seen of it and what to do."""


class Processes:
    """This process among those that train together. One that is alone sends nothing."""

    def __init__(self, rank: int = 0, count: int = 1, device: str = "cpu"):
        self.rank, self.count, self.device = rank, count, device
        self.told_to_end = False

    @property
    def first(self) -> bool:
        """Say whether this is the one that reports and writes."""
        return self.rank == 0

    def share(self, items: Sequence) -> Sequence:
        """Return what this process reads of a batch. Example: the second of two, of [1, 2, 3, 4, 5] -> [2, 4]

        Bundles come sorted by length, so that every share takes about as long.
        """
        return items[self.rank::self.count]

    def total(self, number: float) -> float:
        """Return the sum of every process's number."""
        if self.count == 1:
            return number
        return self._summed(torch.tensor([number], dtype=torch.float64)).item()

    def any(self, wish: bool) -> bool:
        """Say whether one of them has the wish, or was told to end. All get the same answer, at the same step."""
        return self.total(float(wish or self.told_to_end)) > 0

    def add_gradients(self, weights: Sequence[torch.Tensor]) -> None:
        """Give every process the sum of all gradients; one that had nothing to read adds zeros."""
        if self.count == 1:
            return
        own = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        summed = self._summed(torch.cat([gradient.flatten() for gradient in own]))
        for weight, part in zip(weights, summed.split([weight.numel() for weight in weights]), strict=True):
            weight.grad = part.view_as(weight).to(weight.device)

    def _summed(self, numbers: torch.Tensor) -> torch.Tensor:
        numbers = numbers.to(self.device)
        try:
            distributed.all_reduce(numbers)
        except RuntimeError as error:
            raise ProcessLost(f"One of the {self.count} processes is gone, and the others cannot go on without it "
                              f"({str(error).splitlines()[0]}). What it said stands above; the same command goes on "
                              "from the last checkpoint.") from error
        return numbers

    def _end(self, *_: object) -> None:
        """Note that this process was told to end: stopped within a step, it would leave the others waiting."""
        self.told_to_end = True


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that a launcher started with this one, on GPUs with nccl and on CPUs with gloo.

    WORLD_SIZE, RANK, LOCAL_RANK, MASTER_ADDR and MASTER_PORT in the environment say who they are; without them, or
    with a WORLD_SIZE of 1, this process is alone. Several GPUs were not tried.
    """
    count = int(os.environ.get("WORLD_SIZE", 1))
    if count == 1:
        yield ALONE
        return
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))        # "cuda" is this one from here on
    distributed.init_process_group("nccl" if gpus else "gloo")
    processes = Processes(distributed.get_rank(), count, "cuda" if gpus else "cpu")
    for told_to_end in (signal.SIGINT, signal.SIGTERM):     # Ctrl-C; a launcher that has seen another process end
        signal.signal(told_to_end, processes._end)
    yield processes
    distributed.destroy_process_group()     # after an end in peace: of one that is gone nobody takes leave
