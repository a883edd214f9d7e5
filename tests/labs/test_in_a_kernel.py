"""A lab in a real kernel, its buttons pressed as a page presses them: no press waits, and Stop is heard."""
from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel

import helpers

HOUSE = Path(helpers.__file__).parent.parent
LAB = """
from threading import Event
from helpers.labs.prompt_lab import PromptLab
from tests.labs.tries import EXAMPLES, HALF, RIGHT, answering, run

gate = Event()

def slowly(prompt):
    def answer(example):
        gate.wait(60)
        return answering(prompt)(example)
    return answer

lab = PromptLab(slowly, EXAMPLES, RIGHT, run(HALF))
print(lab.run.model_id, lab.stop.model_id)
"""


@pytest.fixture
def client():
    manager, client = start_new_kernel(startup_timeout=180, cwd=str(HOUSE), env=os.environ | {"PYTHONPATH": str(HOUSE)})
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(client, code: str) -> str:
    """Run a cell and return what it printed."""
    parts = []

    def take(message: dict) -> None:
        parts.append(message["content"].get("text") or "\n".join(message["content"].get("traceback", [])))
    client.execute_interactive(code, timeout=180, output_hook=take)
    return "".join(parts).strip()


def press(client, button: str) -> None:
    """Send what a page sends when a button is pressed."""
    content = {"comm_id": button, "data": {"method": "custom", "content": {"event": "click"}}}
    client.shell_channel.send(client.session.msg("comm_msg", content))


def test_a_press_does_not_wait_for_the_work_and_the_work_can_be_stopped(client):
    run, stop = printed(client, LAB).split()
    press(client, run)
    assert printed(client, "print(lab.message.text)").startswith("Asking,")     # the next cell runs meanwhile
    press(client, stop)
    assert printed(client, "gate.set(); lab.work.join(); print(lab.message.text)").startswith("Stopped before all 6")
    press(client, run)
    end = time.monotonic() + 60
    while "3 won, 0 lost" not in (said := printed(client, "print(lab.message.text)")):
        assert time.monotonic() < end, said
        time.sleep(0.3)
