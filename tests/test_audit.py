"""The recordings are what the model says: a fixed sample is asked again, live.

Another processor rounds otherwise, and where two tokens are as good as tied the other one may win: a reply that parts
from the recorded one at such a place is no other answer of the model. Equal answers and ties are counted apart.
"""
from __future__ import annotations

import json
import platform

import pytest
from openai import OpenAI

from helpers import provider
from helpers.provider.recordings import Recordings
from helpers.provider.shelves import RECORDINGS, Shelves
from helpers.tasks import load_task

SAMPLE = 120
EQUAL = 0.95
TIE = 0.25          # nats: the recorded token is at least four fifths as likely as the one that is said now


def fixed_sample() -> list[tuple[dict, str]]:
    """Return (request, recorded answer) for 120 greedy chat calls of models not tuned, spread over all, by model."""
    calls = sorted(((call.key, call.request, recorded.reply["choices"][0]["message"]["content"])
                    for call, recorded in Recordings(RECORDINGS, strict=True).calls()
                    if call.endpoint == "chat/completions" and call.request.get("temperature") == 0
                    and "choices" in recorded.reply         # and not a refusal
                    and not call.request["model"].startswith("ft:")))   # those are not there until they are trained
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


def parts_at_a_tie(client: OpenAI, request: dict, recorded: str) -> bool:
    """Say whether the model holds the recorded token for as good as its own where its reply leaves the recorded."""
    said = client.chat.completions.create(**request | {"logprobs": True, "top_logprobs": 20})
    same = ""
    for token in said.choices[0].logprobs.content:
        if not recorded.startswith(same + token.token):
            rest = recorded[len(same):]
            likely = [one.logprob for one in token.top_logprobs if one.token and rest.startswith(one.token)]
            return bool(likely) and token.logprob - max(likely) < TIE
        same += token.token
    return False


@pytest.mark.live
def test_recorded_answers_are_given_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_REPLAY", "off")
    monkeypatch.setattr(provider, "shelves", lambda: Shelves(tmp_path / "none", tmp_path / "store"))
    client, _ = provider.connect()
    sample = fixed_sample()
    again = [client.chat.completions.create(**request).choices[0].message.content for request, _ in sample]
    texts = sum(old == new for (_, old), new in zip(sample, again, strict=True))
    other = [(request, old) for (request, old), new in zip(sample, again, strict=True) if parsed(old) != parsed(new)]
    answers, ties = SAMPLE - len(other), sum(parts_at_a_tie(client, request, old) for request, old in other)
    with capsys.disabled():
        print(f"\naudit: {len(sample)} recorded replies asked again: {answers} answers equal, {ties} part at a tie, "
              f"{texts} texts equal, on {platform.machine()} {platform.processor()}")
    assert len(sample) == SAMPLE
    assert answers + ties >= EQUAL * SAMPLE


@pytest.mark.live
def test_an_invented_reply_is_no_tie(live_client):
    request = {"model": "course-135m", "temperature": 0, "max_completion_tokens": 8, "messages": [
        {"role": "user", "content": "Which of these is a colour: red, Tuesday?\nAnswer with one word."}]}
    assert not parts_at_a_tie(live_client, request, "Xylophone")
