"""The engine reads a shared beginning once, and what it answers does not depend on what else is asked."""
from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers import prompts
from helpers.local.engine import json_grammar
from helpers.local.weights import DEFAULT_CHAT_MODEL
from helpers.tasks import load_task

TASK = load_task("tickets")
TEXTS = [example.input for example in TASK.validation[:12]]

pytestmark = pytest.mark.live


def ask(client, text: str):
    return client.chat.completions.create(model=DEFAULT_CHAT_MODEL, messages=prompts.described(TASK, text),
                                          temperature=0, max_tokens=8)


def said(client, text: str) -> str:
    return ask(client, text).choices[0].message.content


def test_greedy_replies_are_the_same_alone_and_in_company(live_client):
    alone = [said(live_client, text) for text in TEXTS]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: said(live_client, text), TEXTS))
    assert together == alone


def test_greedy_replies_do_not_depend_on_what_was_asked_before(live_client):
    forwards = {text: said(live_client, text) for text in TEXTS}
    assert {text: said(live_client, text) for text in reversed(TEXTS)} == forwards


def test_a_shared_system_prompt_is_read_once(live_client):
    first, second = (ask(live_client, text).usage for text in TEXTS[:2])
    cached = second.prompt_tokens_details.cached_tokens
    assert cached > 200, (first, second)


def test_json_comes_on_one_line_and_short(live_client):
    reply = live_client.chat.completions.create(
        model=DEFAULT_CHAT_MODEL, messages=prompts.described(TASK, TEXTS[0]), temperature=0, max_tokens=24,
        response_format=prompts.label_schema(TASK))
    text = reply.choices[0].message.content
    assert text == json.dumps(json.loads(text)) and reply.usage.completion_tokens < 15


def test_a_grammar_carries_its_schema():
    assert '"enum":["teal"]' in json_grammar({"enum": ["teal"]}).replace(" ", "")
