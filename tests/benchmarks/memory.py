"""(e) How much memory do engine and embeddings take together at their peak?

    python -m tests.benchmarks.memory            bar: 900 MB, with 8,192 tokens a request
"""
from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import openai
import psutil

from helpers.local import service, weights
from helpers.local.engine import TOKENS_PER_REQUEST
from helpers.tasks import load_task

BAR, IN_FLIGHT = 900, 2


def main() -> None:
    """Fill the context, embed the training set, and watch the service's process meanwhile."""
    running = service.start()
    client = openai.OpenAI(base_url=running.base_url, api_key=running.api_key, max_retries=0)
    peak = Peak(running.process.pid)
    client.embeddings.create(model=weights.MINILM.name, input=[example.input for example in load_task("tickets").train])
    longest = "word " * (TOKENS_PER_REQUEST - 100)
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(lambda i: ask(client, f"{i} {longest}"), range(IN_FLIGHT)))
    megabytes = peak.stop()
    running.stop()
    print(f"peak {megabytes:.0f} MB (bar {BAR}): {'met' if megabytes <= BAR else 'MISSED'}")


def ask(client: openai.OpenAI, prompt: str) -> None:
    """Send a prompt and ask for a short answer."""
    client.chat.completions.create(model=weights.chat_model_name(), max_tokens=4, temperature=0,
                                   messages=[{"role": "user", "content": prompt}])


class Peak:
    """The most memory seen of a process with all it started, resident, looked at twenty times a second."""

    def __init__(self, pid: int):
        self.process = psutil.Process(pid)
        self.megabytes, self._over = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.is_set():
            self.megabytes = max(self.megabytes, self._now())
            time.sleep(0.05)

    def _now(self) -> float:
        total = 0
        with suppress(psutil.NoSuchProcess):
            for process in [self.process, *self.process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    total += process.memory_info().rss
        return total / 1e6

    def stop(self) -> float:
        """Stop watching and return megabytes."""
        self._over.set()
        self._thread.join()
        return self.megabytes


if __name__ == "__main__":
    main()
