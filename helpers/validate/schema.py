"""Compare one example with OpenAI's chat format for fine-tuning.

    list(faults({"messages": [{"role": "user", "content": "Hi"}]}))
    -> [("last turn", "The last message has the role 'user'. End with the assistant's answer: ...")]

What the documentation leaves open is a warning, not an error: an unknown key, two users in a row, a call without an
answer.

Does not: look into calls of tools (see calls.py), compare examples with each other, or open images.
"""
from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from helpers.validate.calls import answer_faults, call_faults, calls_something, offer_faults
from helpers.validate.report import Fault, shown

KEYS = {"messages", "tools", "parallel_tool_calls", "functions", "metadata"}
SYSTEM = {"system", "developer"}
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
MESSAGE_KEYS = {role: {"role", "content", "name"} for role in ROLES}
MESSAGE_KEYS["tool"] |= {"tool_call_id"}
MESSAGE_KEYS["assistant"] |= {"weight", "tool_calls", "function_call", "refusal", "audio", "annotations"}
PARTS = {role: {"text"} for role in ROLES}
PARTS["user"] = {"text", "image_url", "input_audio", "file"}
PARTS["assistant"] = {"text", "refusal"}
OTHER_FORMATS = {
    "prompt":           "the old prompt/completion format",
    "preferred_output": "the format of preference tuning (DPO)",
    "conversations":    "the ShareGPT format",
    "instruction":      "the Alpaca format",
    "contents":         "Gemini's format",
}


def faults(example: dict) -> Iterator[Fault]:
    """Yield the kind and the message of each fault of an example."""
    messages = example.get("messages")
    if "messages" not in example:
        yield "schema", _without_messages(example)
    elif not isinstance(messages, list) or not messages:
        yield "schema", (f"\"messages\" is {'an empty list' if messages == [] else shown(messages)}. It must be a list "
                         "of objects with a role and a content.")
    else:
        yield from _unknown_keys("The example", example, KEYS)
        found = [fault for number, message in enumerate(messages, 1)
                 for fault in _message(f"Message {number}", message)]
        yield from found
        if not any(kind == "schema" for kind, _ in found):      # else roles and calls are not what they seem
            yield from _order(messages)
            yield from answer_faults(messages)
            yield from _last_turn(messages)
            yield from offer_faults(example)


def _without_messages(example: dict) -> str:
    known = next((name for key, name in OTHER_FORMATS.items() if key in example), "")
    keys = f" but {', '.join(shown(key) for key in list(example)[:4])}" if example else ""
    return (f"The example has no \"messages\"{keys}{f': this is {known}' if known else ''}. Write "
            '{"messages": [{"role": "user", "content": ...}, {"role": "assistant", "content": ...}]}.')


def _unknown_keys(place: str, given: dict, known: set[str]) -> Iterator[Fault]:
    if unknown := [key for key in given if key not in known]:
        yield "unknown key", (f"{place} has the key {shown(unknown[0])}, which the chat format does not name. Delete "
                              "it or correct its spelling: OpenAI may refuse the file.")


# ---------------------------------------------------------------- a message

def _message(place: str, message: object) -> Iterator[Fault]:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(message, dict):
        yield "schema", f"{place} is {shown(message)}. It must be an object with a role and a content."
    elif role not in ROLES:
        said = f"has the role {shown(role)}" if "role" in message else "has no role"
        yield "schema", f"{place} {said}. Write one of {', '.join(ROLES)}."
    else:
        yield from _content(place, role, message)
        yield from _weight(place, role, message)
        yield from _name_and_id(place, role, message)
        if role == "assistant":
            yield from call_faults(place, message)
            yield from _refusal(place, message.get("refusal"))
        known = MESSAGE_KEYS[role] | {"weight"}     # a weight in the wrong place is an error already
        yield from _unknown_keys(place, message, known)


def _content(place: str, role: str, message: dict) -> Iterator[Fault]:
    content = message.get("content")
    if content is None:
        yield from _no_content(place, role, message)
    elif isinstance(content, list) and content:
        for number, part in enumerate(content, 1):
            yield from _part(f"Part {number} of {place.lower()}", role, part)
    elif not isinstance(content, str):
        said = "an empty list" if content == [] else shown(content)
        yield "schema", f"{place} has {said} as its content. Write a text, or a list of content parts."
    elif not content.strip() and role in SYSTEM | {"user", "assistant"} and not calls_something(message):
        yield "empty", f"{place}, the {role}'s, has an empty content. Write the text or delete the example."


def _no_content(place: str, role: str, message: dict) -> Iterator[Fault]:
    instead = calls_something(message) or isinstance(message.get("refusal"), str) or message.get("audio")
    if not (role == "function" or (role == "assistant" and instead)):
        said = "null as its content" if "content" in message else "no content"
        yield "schema", (f"{place}, the {role}'s, has {said}. Write a text; only an assistant's message that calls a "
                         "tool may do without.")


def _refusal(place: str, refusal: object) -> Iterator[Fault]:
    if refusal is not None and not isinstance(refusal, str):
        yield "schema", f"{place} has {shown(refusal)} as its refusal. Write a text, or leave the key out."


def _part(place: str, role: str, part: object) -> Iterator[Fault]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or not isinstance(kind, str) or kind not in PARTS[role]:
        said = f"of type {shown(kind)}" if isinstance(part, dict) else shown(part)
        yield "schema", (f"{place} is {said}. In a message of role {role} a part must be an object, its type "
                         f"one of {', '.join(sorted(PARTS[role]))}.")
    elif kind in ("text", "refusal") and not isinstance(part.get(kind), str):
        yield "schema", f"{place} has {shown(part.get(kind))} as its {kind}. Write a text."
    elif kind == "text" and not part["text"].strip():
        yield "empty", f"{place} is an empty text. Write the text or delete the part."
    elif kind == "image_url":
        yield from _image(place, part.get("image_url"))


def _image(place: str, image: object) -> Iterator[Fault]:
    link = image.get("url") if isinstance(image, dict) else image
    if not isinstance(link, str):
        yield "schema", f"{place} has {shown(link)} as its image. Write \"image_url\": {{\"url\": \"https://...\"}}."
    elif not link.lower().startswith(("https://", "http://", "data:image/")):
        yield "image", (f"{place} names the image {shown(link)}, which is neither a link nor a data URL. OpenAI cannot "
                        "open it there: use https://... or data:image/...;base64,...")


def _weight(place: str, role: str, message: dict) -> Iterator[Fault]:
    weight = message.get("weight")
    if weight is None:
        return
    if role != "assistant":
        yield "schema", (f"{place} has a weight, but is the {role}'s. Only the assistant's messages are trained on: "
                         "delete it here.")
    elif isinstance(weight, bool) or not isinstance(weight, int | float) or weight not in (0, 1):
        yield "schema", f"{place} has the weight {shown(weight)}. Write 1 to train on it or 0 to leave it out."


def _name_and_id(place: str, role: str, message: dict) -> Iterator[Fault]:
    name = message.get("name")
    if role == "function" and name is None:
        yield "schema", f"{place}, a function's, has no name. Add the name of the function that was called."
    elif name is not None and not (isinstance(name, str) and name.strip()):
        yield "schema", f"{place} has {shown(name)} as its name. Write a text, or leave the name out."
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield "schema", (f"{place}, a tool's, has {shown(message.get('tool_call_id'))} as its tool_call_id. Write the "
                         "id of the call that it answers.")


# ---------------------------------------------------------------- turns

def _order(messages: list[dict]) -> Iterator[Fault]:
    roles = [message["role"] for message in messages]
    if late := [number for number, role in enumerate(roles, 1) if role in SYSTEM and number > 1]:
        said = "is a second system prompt" if roles[0] in SYSTEM else "is a system prompt after other messages"
        yield "order", f"Message {late[0]} {said}. Put all instructions into one, as the first message."
    if "user" not in roles:
        yield "order", "The example has no message of the user. Add the input that the assistant answers."
    for number, (before, message) in enumerate(pairwise(messages), 2):
        if _repeats(before, message):
            yield "order", (f"Messages {number - 1} and {number} are both the {message['role']}'s. Join them, or add "
                            "the turn between them.")
        if message["role"] == "function" and not calls_something(before):
            yield "order", (f"Message {number} answers a function that the message before it does not call. Put the "
                            "assistant's function_call first.")


def _repeats(before: dict, message: dict) -> bool:
    """Say whether one speaker has two turns in a row; two users with different names are two speakers."""
    same = before["role"] == message["role"] and before.get("name") == message.get("name")
    return same and message["role"] in ("user", "assistant") and not calls_something(before)


def _last_turn(messages: list[dict]) -> Iterator[Fault]:
    answers = [message for message in messages if message["role"] == "assistant"]
    if not answers:
        yield "last turn", ("The example has no message of the assistant. Add the answer that the model is to learn, "
                            "as the last message.")
    elif messages[-1]["role"] != "assistant":
        yield "last turn", (f"The last message has the role {shown(messages[-1]['role'])}. End with the assistant's "
                            "answer: it is what the model learns.")
    elif all(message.get("weight") == 0 for message in answers):
        yield "weight", "Every message of the assistant has the weight 0: nothing is learned. Give one the weight 1."
