"""Which items of a task are most like one another, by MiniLM.

Does not: search a large collection (that is retrieval's work).
"""
from __future__ import annotations

import numpy as np

from helpers.instructions.collection import SmallTask
from helpers.local import weights
from helpers.local.encoder import Encoder


class Likeness:
    """Cosines between the texts of a task, computed when first asked for."""

    def __init__(self) -> None:
        self._encoder = Encoder(weights.ensure(weights.MINILM))
        self._cosines: dict[str, np.ndarray] = {}

    def nearest(self, task: SmallTask, item: dict) -> list[dict]:
        """Return the task's other items, the one most like `item` first."""
        if task.name not in self._cosines:
            vectors, _ = self._encoder.embed([item["text"] for item in task.items])
            self._cosines[task.name] = vectors @ vectors.T
        place = next(i for i, other in enumerate(task.items) if other is item)
        order = np.argsort(-self._cosines[task.name][place])
        return [task.items[i] for i in order if i != place]
