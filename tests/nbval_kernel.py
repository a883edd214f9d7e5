"""A pytest plugin: notice at once when a notebook's kernel has died, where nbval would wait out its timeout.

    pytest --nbval -p tests.nbval_kernel notebooks
"""
from __future__ import annotations

import time
from queue import Empty

import pytest
from nbval.kernel import RunningKernel

LOOK_EVERY = 1.0    # seconds

_wait_for_message = RunningKernel.get_message


def get_message(self: RunningKernel, stream: str, timeout: float | None = None) -> dict:
    """Wait for a message in short stretches, and look between them whether anybody is left to send one."""
    deadline = time.monotonic() + float(timeout or "inf")
    while True:
        try:
            return _wait_for_message(self, stream, timeout=max(0.0, min(LOOK_EVERY, deadline - time.monotonic())))
        except Empty:
            if not self.is_alive():
                pytest.exit("The notebook's kernel died in the middle of a cell: out of memory, or a crash in compiled "
                            "code. Run the notebook in JupyterLab to see the cell.", returncode=1)
            if time.monotonic() >= deadline:
                raise


RunningKernel.get_message = get_message
