"""Calls of tools, their answers, and the tools on offer."""
from __future__ import annotations

import pytest

from helpers.validate.calls import calls_of
from tests.validate.files import CALL, HI, RESULT, TOOL, assert_fault_at_fifth, row, says, user

FAULTS = [
    ("schema",        row(HI, says(None, tool_calls={}))),
    ("schema",        row(HI, says("Hello.", tool_calls=[]))),
    ("schema",        row(HI, says(None, tool_calls=["weather"]))),
    ("schema",        row(HI, says(None, tool_calls=[CALL | {"id": None}]), tools=[TOOL])),
    ("schema",        row(HI, says(None, tool_calls=[CALL | {"type": []}]), tools=[TOOL])),
    ("schema",        row(HI, says(None, tool_calls=[CALL | {"function": {"name": "weather", "arguments": {}}}]))),
    ("schema",        row(HI, says(None, function_call={"name": "the weather", "arguments": "{}"}))),
    ("schema",        row(HI, RESULT, says("Hello."), tools=[TOOL])),
    ("schema",        row(HI, {"role": "tool", "content": "4"}, says("Hello."))),
    ("schema",        row(HI, {"role": "function", "content": "4"}, says("Hello."))),
    ("schema",        row(HI, says("Hello."), tools={})),
    ("schema",        row(HI, says("Hello."), tools=[{"name": "weather"}])),
    ("schema",        row(HI, says("Hello."), tools=[{"type": "function", "function": {"name": ["x"]}}])),
    ("schema",        row(HI, says("Hello."), parallel_tool_calls="false")),
    ("last turn",     row(HI, says(None, tool_calls=[CALL]), RESULT, tools=[TOOL])),
    ("order",         row(HI, says(None, tool_calls=[CALL]), user("Well?"), says("Hello."), tools=[TOOL])),
    ("order",         row(HI, {"role": "function", "name": "weather", "content": "4"}, says("Hello."))),
    ("tools",         row(HI, says(None, tool_calls=[CALL]))),
    ("arguments",     row(HI, says(None, tool_calls=[CALL | {"function": {"name": "weather", "arguments": "Oslo"}}]),
                          tools=[TOOL])),
]


@pytest.mark.parametrize(("kind", "line"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_a_fault_is_found_at_its_line_and_no_other(tmp_path, kind, line):
    assert_fault_at_fifth(tmp_path, kind, line)


def test_calls_of_both_kinds_are_read_alike():
    assert list(calls_of(says(None, tool_calls=[CALL]))) == [CALL["function"]]
    assert list(calls_of(says(None, function_call=CALL["function"]))) == [CALL["function"]]
    assert list(calls_of(HI)) == []
