"""Read a training file in OpenAI's chat format as conversations: what is read, and which answers are learned.

    read(Path("train.jsonl")) -> [Conversation(messages=[{"role": "user", ...}, ...], learned=[2]), ...]

Does not: check a file for all that can be wrong with it (see helpers.validate), or know tokens (see training.py).
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class NotTeachable(ValueError):
    """An example, valid as it may be, holds what the embedded model cannot learn; the message names its line."""


@dataclass(frozen=True)
class Conversation:
    """Messages in chat format, and the positions of the answers to be learned."""

    messages: list[dict]
    learned: list[int]


def read(path: Path) -> list[Conversation]:
    """Return a training file's conversations, in the file's order. Raises NotTeachable."""
    with path.open(encoding="utf-8") as lines:
        return [_numbered(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _numbered(number: int, line: str) -> Conversation:
    try:
        return conversation(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotTeachable(f"Line {number}: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "this is no example {\"messages\": [...]} on one line."


def conversation(row: dict) -> Conversation:
    """Return an example as a conversation. Every answer is learned but those of `weight` 0.

    Raises ValueError. Example: conversation({"messages": [{"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello"}]}).learned -> [1]
    """
    if row.get("tools") or row.get("functions"):
        raise ValueError("it offers tools, which the embedded model does not call. Leave the example out.")
    messages = [{"role": _role(message), "content": _text(message)} for message in row["messages"]]
    learned = [i for i, message in enumerate(row["messages"])
               if message["role"] == "assistant" and message.get("weight", 1) != 0]
    return Conversation(messages, learned)


def _role(message: dict) -> str:
    if message["role"] not in ROLES:
        raise ValueError(f"the role {message['role']!r} belongs to tools, which the embedded model does not call. "
                         "Leave the example out.")
    return ROLES[message["role"]]


def _text(message: dict) -> str:
    """Return a message's text, the text parts joined."""
    content = message.get("content")
    if isinstance(content, list) and all(part["type"] == "text" for part in content):
        return "".join(part["text"] for part in content)
    if not isinstance(content, str):
        raise ValueError(f"a message of the role {message['role']!r} is no plain text, and the embedded model learns "
                         "text only. Leave the example out.")
    return content
