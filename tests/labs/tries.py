"""What the tests of the prompt lab ask: answers that stand in the prompt, by the ticket's number."""
from __future__ import annotations

import threading

from helpers.evaluation import evaluate
from helpers.tasks import Example, LabelTask

TASK = LabelTask("mini", fields={"label": {"in": "it comes in", "out": "it goes out"}}, headline="label")
EXAMPLES = [Example(f"t{n}", f"ticket {n}", "in" if n % 2 else "out", task=TASK) for n in range(6)]


def answering(prompt: str, gate: threading.Event | None = None):
    """Answer ticket n with the n-th word of the prompt; from the third on only when the gate is open."""
    def answer(example: Example) -> str:
        number = int(example.id[1:])
        if gate is not None and number >= 2:
            gate.wait(10)
        return prompt.split()[number]
    return answer


def run(prompt: str, examples=EXAMPLES, name: str = "before"):
    return evaluate(answering(prompt), examples, name=name)


RIGHT, HALF = "out in out in out in", "out out out out out out"
