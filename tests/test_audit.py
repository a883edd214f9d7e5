"""The recordings are what the model says: a fixed sample is asked again, live."""
from __future__ import annotations

import json
import platform

import pytest

from helpers import provider
from helpers.provider.recordings import Recordings
from helpers.provider.shelves import RECORDINGS, Shelves
from helpers.tasks import load_task

SAMPLE = 120
EQUAL = 0.95


def fixed_sample() -> list[tuple[dict, str]]:
    """Return (request, recorded answer) for 120 greedy chat calls, spread evenly over all of them, by model."""
    calls = sorted(((call.key, call.request, recorded.reply["choices"][0]["message"]["content"])
                    for call, recorded in Recordings(RECORDINGS, strict=True).calls()
                    if call.endpoint == "chat/completions" and call.request.get("temperature") == 0
                    and "choices" in recorded.reply))       # and not a refusal
    sample = [(request, text) for _, request, text in calls[::max(1, len(calls) // SAMPLE)][:SAMPLE]]
    return sorted(sample, key=lambda one: one[0]["model"])      # one model after the other: each is loaded once


def parsed(text: str) -> object:
    """Return what a program would take from an answer: its JSON, its label, or the text itself."""
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return load_task("tickets").read(text) or text


@pytest.mark.live
def test_recorded_answers_are_given_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_REPLAY", "off")
    monkeypatch.setattr(provider, "shelves", lambda: Shelves(tmp_path / "none", tmp_path / "store"))
    client, _ = provider.connect()
    sample = fixed_sample()
    again = [client.chat.completions.create(**request).choices[0].message.content for request, _ in sample]
    texts = sum(old == new for (_, old), new in zip(sample, again, strict=True))
    answers = sum(parsed(old) == parsed(new) for (_, old), new in zip(sample, again, strict=True))
    with capsys.disabled():
        print(f"\naudit: {len(sample)} recorded replies asked again: {answers} answers equal, {texts} texts equal, "
              f"on {platform.machine()} {platform.processor()}")
    assert len(sample) == SAMPLE
    assert answers >= EQUAL * len(sample)
