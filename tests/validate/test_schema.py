"""Each way an example can differ from the chat format is found at its line."""
from __future__ import annotations

import pytest

from helpers.validate import Finding, check
from tests.validate.files import HI, IMAGE, SYSTEM, assert_fault_at_fifth, row, says, user, with_fifth

FAULTS = [
    ("schema",        '{"messages": ' + 500 * "[" + 500 * "]" + "}"),
    ("schema",        {}),
    ("schema",        {"prompt": "Hi", "completion": "Hello"}),
    ("schema",        {"input": {"messages": [HI]}, "preferred_output": [], "non_preferred_output": []}),
    ("schema",        {"messages": []}),
    ("schema",        {"messages": "Hi"}),
    ("schema",        {"messages": {"role": "user"}}),
    ("schema",        row("Hi", says("Hello."))),
    ("schema",        row({"content": "Hi"}, says("Hello."))),
    ("schema",        row({"role": "bot", "content": "Hi"}, says("Hello."))),
    ("schema",        row({"role": ["user"], "content": "Hi"}, says("Hello."))),
    ("schema",        row({"role": "user"}, says("Hello."))),
    ("schema",        row(user(None), says("Hello."))),
    ("schema",        row(user(5), says("Hello."))),
    ("schema",        row(user({"text": "Hi"}), says("Hello."))),
    ("schema",        row(user([]), says("Hello."))),
    ("schema",        row(user(["Hi"]), says("Hello."))),
    ("schema",        row(user([{"type": "text", "text": 5}]), says("Hello."))),
    ("schema",        row(user([{"type": "image", "source": "x"}]), says("Hello."))),
    ("schema",        row(user([{"type": "image_url", "image_url": 5}]), says("Hello."))),
    ("schema",        row(HI, says([IMAGE]))),
    ("schema",        row(HI, says(None))),
    ("schema",        row(HI, says("Hello.", refusal=[]))),
    ("schema",        row(HI, says("Hello.", weight=0.5))),
    ("schema",        row(HI, says("Hello.", weight=True))),
    ("schema",        row(HI, says("Hello.", weight="1"))),
    ("schema",        row(user("Hi", weight=1), says("Hello."))),
    ("schema",        row(user("Hi", name=5), says("Hello."))),
    ("last turn",     row(HI)),
    ("last turn",     row(HI, says("Hello."), user("Thanks"))),
    ("empty",         row(user("  "), says("Hello."))),
    ("empty",         row(HI, says(""))),
    ("empty",         row(user([{"type": "text", "text": ""}]), says("Hello."))),
    ("order",         row(SYSTEM, SYSTEM, HI, says("Hello."))),
    ("order",         row(HI, SYSTEM, says("Hello."))),
    ("order",         row(SYSTEM, says("Hello."))),
    ("order",         row(HI, HI, says("Hello."))),
    ("order",         row(HI, says("Hello."), says("Hello again."))),
    ("image",         row(user([{"type": "image_url", "image_url": {"url": "cat.png"}}]), says("A cat."))),
    ("weight",        row(HI, says("Hello.", weight=0))),
    ("unknown key",   row(HI, says("Hello."), comment="mine")),
    ("unknown key",   row(user("Hi", text="Hi"), says("Hello."))),
]


@pytest.mark.parametrize(("kind", "line"), FAULTS, ids=[kind for kind, _ in FAULTS])
def test_a_fault_is_found_at_its_line_and_no_other(tmp_path, kind, line):
    assert_fault_at_fifth(tmp_path, kind, line)


def test_messages_name_the_value_and_the_next_step(tmp_path):
    [error] = check(with_fifth(tmp_path, row({"role": "bot", "content": "Hi"}, says("Hello.")))).errors
    assert error == Finding(5, "schema", "Message 1 has the role 'bot'. Write one of system, developer, user, "
                                         "assistant, tool, function.")
