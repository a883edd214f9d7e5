"""Take an example apart: what the model is given, and what it is to answer.

    example_of(3, {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]})
    -> Example(line=3, system="", input="Hi", output="Hello", ...)

Does not: check anything; schema.py has found no error before.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

from helpers.validate.calls import calls_of, calls_something
from helpers.validate.schema import SYSTEM

MESSAGE_TOKENS = 4      # what a chat template adds around each message, about
TEXTS = ("text", "refusal")     # the content parts that are texts


@dataclass(frozen=True)
class Example:
    """One example. `given` and `setting` are fingerprints: of all before the last turn, and of what frames the input.

    `input` has no system prompt: where most examples share a long one, they would all be alike.
    """

    line: int
    system: str
    input: str
    output: str
    given: int
    setting: int
    calls: bool         # the output calls a tool


def example_of(line: int, row: dict) -> Example:
    """Return an example of a row without errors."""
    *before, last = row["messages"]
    system = "\n".join(text_of(message) for message in before if message["role"] in SYSTEM)
    tools  = [row.get("tools"), row.get("functions")]
    return Example(line, system, input_of(before), text_of(last), digest([before, tools]), digest([system, tools]),
                   calls_something(last))


def input_of(messages: list[dict]) -> str:
    """Return the text of a conversation but for the system prompt.

    With images in it, it is their digest instead: one question about two pictures is not the same input.
    """
    spoken = [message for message in messages if message["role"] not in SYSTEM]
    if any(_has_more_than_text(message) for message in spoken):
        return f"{digest(spoken):016x}"
    return "\n".join(filter(None, map(text_of, spoken)))


def _has_more_than_text(message: dict) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(part["type"] not in TEXTS for part in content)


def text_of(message: dict) -> str:
    """Return all text of a message. Example: text_of({"role": "user", "content": "Hi"}) -> "Hi" """
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(part[part["type"]] for part in content if part["type"] in TEXTS)
    written = [f"{call['name']}({call.get('arguments', call.get('input'))})" for call in calls_of(message)]
    refusal = message.get("refusal") if message["role"] == "assistant" else None
    return "\n".join(filter(None, [content, refusal, *written]))


def tokens_of(row: dict, count: Callable[[str], int]) -> int:
    """Return the tokens of a row without errors: its messages and tools; an image counts as none."""
    tools = [json.dumps(row[key]) for key in ("tools", "functions") if row.get(key)]
    return sum(count(text_of(message)) + MESSAGE_TOKENS for message in row["messages"]) + sum(map(count, tools))


def estimate(text: str) -> int:
    """Return about how many tokens a text has, at 4 characters each. Example: estimate("Hello there") -> 3"""
    return -(-len(text) // 4)


def digest(value: object) -> int:
    """Return a fingerprint of 64 bits of a JSON value; equal values have equal ones."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest())


def strings(value: object) -> Iterator[str]:
    """Yield all texts in a JSON value but for the bytes of images. Keeps its own stack: a value may be deep."""
    stack = [value]
    while stack:
        match stack.pop():
            case dict() as found:
                stack += found.values()
            case list() as found:
                stack += found
            case str() as found if not found.startswith("data:"):
                yield found
