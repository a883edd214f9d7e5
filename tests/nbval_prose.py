"""A pytest plugin: after a notebook's last cell, hold its prose to what the cells computed, in the same kernel.

    pytest --nbval -p tests.nbval_kernel -p tests.nbval_prose notebooks
"""
from __future__ import annotations

from collections.abc import Iterator

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile

from helpers.publishing import notebooks
from helpers.publishing.prose import expressions
from tests.notebook_checks import prose_complaints

SECONDS = 300       # for the next message of a kernel, on a busy machine

_cells = IPyNbFile.collect


class Wrong(Exception):
    """The prose says what the cells did not compute."""


class Prose(pytest.Item):
    """What is checked once the cells before it have run."""

    def runtest(self) -> None:
        kernel, notebook = self.parent.kernel, self.parent.nb
        values = notebooks.values_in(printed(kernel, notebooks.asking_for(expressions(notebook))))
        if complaints := prose_complaints(notebook, values):
            raise Wrong("\n".join(complaints))

    def repr_failure(self, excinfo: pytest.ExceptionInfo) -> str:
        return str(excinfo.value) if excinfo.errisinstance(Wrong) else super().repr_failure(excinfo)

    def reportinfo(self) -> tuple:
        return self.path, 0, f"{self.path.name}: its prose"


def printed(kernel: RunningKernel, source: str) -> str:
    """Run a cell and return what it prints."""
    asked = kernel.execute_cell_input(source, allow_stdin=False)
    said = []
    while True:
        message = kernel.get_message("iopub", timeout=SECONDS)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        elif message["msg_type"] == "error":
            raise Wrong(f"{message['content']['ename']}: {message['content']['evalue']} in one of the expressions")
        elif message["content"].get("execution_state") == "idle":
            return "".join(said)


def collect(self: IPyNbFile) -> Iterator[pytest.Item]:
    """Yield the cells, then the prose."""
    for cell in _cells(self):
        cell.output_timeout = SECONDS        # nbval's own five seconds are few on a busy machine
        yield cell
    yield Prose.from_parent(self, name="Prose")


IPyNbFile.collect = collect
