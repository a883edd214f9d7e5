"""The client sends the JSON that the SDK's own would, and keeps its errors, copies and raw replies."""
from __future__ import annotations

import json
from collections.abc import Callable

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionMessage

from helpers.provider.client import is_plain, with_shortcut

PLAIN = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]
REPLIED = [*PLAIN, ChatCompletionMessage(role="assistant", content="Hello.")]
REPLY = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [
    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}]}


def sent_by(changed: Callable[[openai.OpenAI], openai.OpenAI], **request: object) -> dict:
    """Return the body that a client so changed sends."""
    bodies = []

    def keep(asked: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(asked.read()))
        return httpx2.Response(200, json=REPLY)
    client = changed(openai.OpenAI(api_key="none", base_url="http://server.test/v1",
                                   http_client=httpx2.Client(transport=httpx2.MockTransport(keep))))
    assert client.chat.completions.create(**request).choices[0].message.content == "Hello."
    assert client.with_options(timeout=5).chat.completions.create(**request).choices[0].message.content == "Hello."
    assert client.chat.completions.with_raw_response.create(**request).parse().choices[0].message.content == "Hello."
    assert bodies[0] == bodies[1] == bodies[2]
    return bodies[0]


@pytest.mark.parametrize("messages", [PLAIN, PARTS, REPLIED, []], ids=["plain", "parts", "a reply sent back", "none"])
@pytest.mark.parametrize("options", [{}, {"temperature": 0, "extra_body": {"top_k": 1}}], ids=["bare", "with options"])
def test_the_same_is_sent_as_by_the_sdks_own_client(messages, options):
    request = {"model": "m", "messages": messages} | options
    assert sent_by(with_shortcut, **request) == sent_by(lambda client: client, **request)


def test_only_messages_of_a_role_and_a_text_take_the_shortcut():
    assert is_plain(PLAIN)
    assert not any(map(is_plain, [PARTS, REPLIED, iter(PLAIN), [{"role": "user", "content": None}],
                                  [{"role": "user", "content": "Hello?", "name": "Ann"}]]))


def test_what_is_left_out_is_named_as_by_the_sdk():
    client = with_shortcut(openai.OpenAI(api_key="none", base_url="http://server.test/v1"))
    with pytest.raises(TypeError, match="model"):
        client.chat.completions.create(messages=PLAIN)
    with pytest.raises(TypeError, match="messages"):
        client.chat.completions.create(model="m")
