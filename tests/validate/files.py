"""Training files for the tests: valid examples of every form, examples unlike each other, and files of them."""
from __future__ import annotations

import json
import random
from pathlib import Path

from helpers.validate import Report, check

WORDS = [
    "parcel", "invoice", "coat", "lamp", "garden", "river", "music", "ticket", "window", "doctor", "planet",
    "bridge", "sugar", "engine", "letter", "castle", "market", "forest", "camera", "bottle", "winter",
    "kitchen", "guitar", "island", "mirror", "pencil", "rocket", "saddle", "temple", "violin"]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "4 degrees"}
ERRORS = {"JSON", "schema", "last turn", "encoding"}        # of an example


def user(content: object, **more: object) -> dict:
    return {"role": "user", "content": content, **more}


def says(content: object, **more: object) -> dict:
    return {"role": "assistant", "content": content, **more}


def row(*messages: dict, **more: object) -> dict:
    return {"messages": list(messages), **more}


def good(number: int, words: int = 12) -> dict:
    """Return an example without a fault; two of them have little in common."""
    dice = random.Random(number)
    asked, answered = (" ".join(dice.choices(WORDS, k=words)) for _ in range(2))
    return row(user(f"{asked}?"), says(f"{answered}."))


def written(folder: Path, rows: list, name: str = "train.jsonl") -> Path:
    """Write rows as JSON Lines; a row that is bytes or text is a line as it is."""
    lines = [line if isinstance(line, bytes) else line.encode() if isinstance(line, str) else json.dumps(line).encode()
             for line in rows]
    path = folder / name
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def with_fifth(folder: Path, line: object) -> Path:
    """Write twelve examples, of which the fifth is the one given."""
    rows = [good(number) for number in range(12)]
    rows[4] = line
    return written(folder, rows)


def found(report: Report) -> set[tuple[int | None, str]]:
    """Return the lines and kinds of a report's findings."""
    return {(finding.line, finding.kind) for finding in report.errors + report.warnings}


def assert_fault_at_fifth(folder: Path, kind: str, line: object) -> None:
    """Check twelve examples, of which the fifth is the one given: it alone has faults, one of this kind."""
    report = check(with_fifth(folder, line))
    assert (5, kind) in found(report), str(report)
    assert {at for at, other in found(report) if other != "system prompt"} == {5}, str(report)
    assert report.ok == (kind not in ERRORS), str(report)


# ---------------------------------------------------------------- valid examples

HI = user("Hi there")
SYSTEM = {"role": "system", "content": "Be brief."}
WEATHER = user("What is the weather in Oslo?")
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png", "detail": "low"}}
LEGACY = {"name": "weather", "arguments": '{"city": "Oslo"}'}
VALID = {
    "two turns":         row(user("Hi there"), says("Hello.")),
    "system":            row({"role": "system", "content": "Be brief."}, user("Hi there"), says("Hello.")),
    "developer":         row({"role": "developer", "content": "Be brief."}, user("Hi there"), says("Hello.")),
    "many turns":        row(user("Hi"), says("Hello.", weight=0), user("And now?"), says("Bye.", weight=1)),
    "no weight":         row(user("Hi"), says("Hello.", weight=None)),
    "names":             row(user("Hi", name="ann"), user("Me too", name="bob"), says("Hello.", name="helper")),
    "call at the end":   row(WEATHER, {"role": "assistant", "tool_calls": [CALL]}, tools=[TOOL],
                             parallel_tool_calls=False),
    "null beside call":  row(WEATHER, says(None, tool_calls=[CALL]), RESULT, says("It is 4 degrees."), tools=[TOOL]),
    "empty beside call": row(WEATHER, says("", tool_calls=[CALL], function_call=None), tools=[TOOL]),
    "parallel calls":    row(WEATHER, says(None, tool_calls=[CALL, CALL | {"id": "call_2"}]),
                             RESULT | {"tool_call_id": "call_2"}, RESULT, says("It is 4 degrees."), tools=[TOOL]),
    "empty tool result": row(WEATHER, says(None, tool_calls=[CALL]), RESULT | {"content": ""}, says("None."),
                             tools=[TOOL]),
    "function_call":     row(WEATHER, {"role": "assistant", "function_call": LEGACY},
                             {"role": "function", "name": "weather", "content": "4"}, says("It is 4 degrees."),
                             functions=[{"name": "weather", "parameters": {}}]),
    "text parts":        row(user([{"type": "text", "text": "Hi"}]), says([{"type": "text", "text": "Hello."}])),
    "image":             row(user([{"type": "text", "text": "What is this?"}, IMAGE]), says("A cat.")),
    "image in base64":   row(user([IMAGE | {"image_url": {"url": "data:image/png;base64,AAAA"}}]), says("A cat.")),
    "refusal part":      row(user("Do harm"), says([{"type": "refusal", "refusal": "I will not."}])),
    "refusal":           row(user("Do harm"), says(None, refusal="I will not.")),
    "nulls of an SDK":   row(user("Hi"), says("Hello.", refusal=None, tool_calls=None, function_call=None), tools=None),
    "tool parts":        row(WEATHER, says(None, tool_calls=[CALL]),
                             RESULT | {"content": [{"type": "text", "text": "4"}]}, says("It is 4."), tools=[TOOL]),
    "odd characters":    row(user("a\u2028b \u0000 😀 \x1b[31m"), says("Größe, 寸法.")),
}
