"""Compare the tool calls of an example, and the tools on offer, with OpenAI's chat format.

    list(offer_faults({"messages": [], "tools": {}})) -> [("schema", "\"tools\" is an object. It must be a list.")]

Knows `tools` and `tool_calls`, and the older `functions` and `function_call`.

Does not: check a tool's parameters as a JSON Schema, or the arguments of a call against them.
"""
from __future__ import annotations

import json
import re
from collections.abc import Iterator

from helpers.validate.report import Fault, shown

NAME = re.compile(r"[\w-]{1,64}", re.ASCII)


def calls_something(message: dict) -> bool:
    """Say whether a message calls a tool or a function; only the assistant's do."""
    return message["role"] == "assistant" and bool(message.get("tool_calls") or message.get("function_call"))


def call_faults(place: str, message: dict) -> Iterator[Fault]:
    """Yield the faults in the form of an assistant's calls."""
    calls, legacy = message.get("tool_calls"), message.get("function_call")
    if calls is not None and (not isinstance(calls, list) or not calls):
        said = "an empty list" if calls == [] else shown(calls)
        yield "schema", f"{place} has {said} as its tool_calls. Write a list of calls, or leave the key out."
    elif calls is not None:
        for number, call in enumerate(calls, 1):
            yield from _call(f"Call {number} of {place.lower()}", call)
    if legacy is not None:
        yield from _called(f"The function_call of {place.lower()}", legacy, "arguments")


def _call(place: str, call: object) -> Iterator[Fault]:
    kind = call.get("type") if isinstance(call, dict) else None
    if not isinstance(call, dict):
        yield "schema", f"{place} is {shown(call)}. It must be an object with an id, a type and a function."
    elif not isinstance(call.get("id"), str) or not call["id"]:
        yield "schema", f"{place} has {shown(call.get('id'))} as its id. Write a text that its answer repeats."
    elif kind not in ("function", "custom"):
        yield "schema", f"{place} has {shown(kind)} as its type. Write \"type\": \"function\"."
    else:
        yield from _called(place, call.get(kind), "arguments" if kind == "function" else "input")


def _called(place: str, function: object, given: str) -> Iterator[Fault]:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        yield "schema", (f"{place} has {shown(name)} as the function's name. Write 1 to 64 letters, digits, _ or -, as "
                         "in the tools.")
    elif not isinstance(function.get(given), str):
        yield "schema", (f"{place} has {shown(function.get(given))} as its {given}. Write a text, made with "
                         "json.dumps().")
    elif given == "arguments" and not _is_object(function["arguments"]):
        yield "arguments", (f"{place} has arguments that are not a JSON object. Write them with json.dumps(), or the "
                            "model learns to call with broken ones.")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def answer_faults(messages: list[dict]) -> Iterator[Fault]:
    """Yield the tools' answers to calls that were not made, and the calls in mid-conversation without an answer."""
    open_calls: set[str] = set()
    for number, message in enumerate(messages, 1):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield "schema", (f"Message {number} answers the call {shown(message['tool_call_id'])}, which the "
                                 "assistant's message before it does not make. Put the call first, with the same id.")
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            yield "order", (f"Message {number} comes before the tool's answer to the call {shown(min(open_calls))}. "
                            "Add a message of role tool with this tool_call_id.")
        calls = message.get("tool_calls") if message["role"] == "assistant" else None
        open_calls = {call["id"] for call in calls or ()}


# ---------------------------------------------------------------- tools on offer

def offer_faults(example: dict) -> Iterator[Fault]:
    """Yield the faults in the tools on offer, and the calls of tools that are not."""
    parallel = example.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        yield "schema", f"\"parallel_tool_calls\" is {shown(parallel)}. Write true or false."
    offered: set[str] = set()
    for key, place in (("tools", "Tool"), ("functions", "Function")):
        found = list(_offers(key, place, example.get(key), offered))
        yield from found
        if found:
            return
    yield from _strangers(example["messages"], offered)


def _offers(key: str, place: str, offers: object, names: set[str]) -> Iterator[Fault]:
    """Yield the faults of a list of tools or functions, and add the names in it to `names`."""
    if offers is None:
        return
    if not isinstance(offers, list):
        yield "schema", f"\"{key}\" is {shown(offers)}. It must be a list."
        return
    for number, offer in enumerate(offers, 1):
        name = _name_of(key, offer)
        if isinstance(name, str) and NAME.fullmatch(name):
            names.add(name)
        else:
            form = '{"type": "function", "function": {"name": ...}}' if key == "tools" else '{"name": ...}'
            yield "schema", (f"{place} {number} has {shown(name)} as its name. Write {form}, with 1 to 64 letters, "
                             "digits, _ or -.")


def _name_of(key: str, offer: object) -> object:
    kind = offer.get("type") if isinstance(offer, dict) else None
    if key == "tools":
        offer = offer.get(kind) if kind in ("function", "custom") else None
    return offer.get("name") if isinstance(offer, dict) else None


def _strangers(messages: list[dict], offered: set[str]) -> Iterator[Fault]:
    called = (call["name"] for message in messages for call in calls_of(message))
    if stranger := next((name for name in called if name not in offered), None):
        yield "tools", (f"The assistant calls {shown(stranger)}, which is not among the example's tools. Add its "
                        "definition to \"tools\", as production sends it.")


def calls_of(message: dict) -> Iterator[dict]:
    """Yield what a message without faults calls, objects with a name and `arguments` or `input`."""
    if calls_something(message):
        yield from (call[call["type"]] for call in message.get("tool_calls") or ())
        if message.get("function_call"):
            yield message["function_call"]
