"""Voice: replies in the manner of the house, learned from pairs of a draft and the reply that went out.

    voice() -> points: the model as it is, and tuned on 40 and on 160 pairs; asked the 60 of the test
"""
from __future__ import annotations

from helpers.experiments.points import Point, exam_of
from helpers.finetuning import conversation
from helpers.tasks import load_task

TASK = "Rewrite the draft as a reply to the customer of Otterbrook, a shop for the home."
PAIRS = (0, 40, 160)
LIMIT = 120         # tokens of a reply


def voice() -> list[Point]:
    """Return the runs, the fewest pairs first."""
    task = load_task("voice")
    exam = exam_of("test", task.test, lambda one: rewrite(one.input), LIMIT)
    return [Point("voice", {"pairs": pairs}, [conversation(rewrite(one.input), one.expected)
                                              for one in task.train[:pairs]], [exam]) for pairs in PAIRS]


def rewrite(draft: str) -> list[dict]:
    """Return the messages that ask for a reply."""
    return [{"role": "system", "content": TASK}, {"role": "user", "content": draft}]
