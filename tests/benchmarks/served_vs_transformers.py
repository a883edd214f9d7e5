"""(b) How fast are 150 tickets through the embedded provider, beside `transformers` on the same weights?

    python -m tests.benchmarks.served_vs_transformers            about 10 minutes on two cores
    python -m tests.benchmarks.served_vs_transformers --rows 40  a quicker look

Zero-shot: a system prompt that describes the labels, then the ticket. Bar 1.2. With 25 fixed examples as turns: bar 4,
because the shared prefix is computed once. Greedy, 4 new tokens, as many as a label takes; `transformers` gets batched
`generate`, sorted by length, left-padded, at its best batch size and precision. At least 95% of the replies must be
equal.
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import openai
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helpers import prompts
from helpers.local import service, weights
from helpers.tasks import load_task

NEW_TOKENS, EXAMPLES, ROUNDS = 4, 25, 3
BARS = {"zero-shot": 1.2, "25 examples": 4.0}
IN_FLIGHT = 8
BATCHES = {"zero-shot": (16, 32), "25 examples": (4, 8)}
EQUAL = 0.95

Messages = list[dict]


def main() -> None:
    """Ask the same tickets both ways, in turns, and print seconds and ratios."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.served_vs_transformers")
    parser.add_argument("--rows", type=int, default=150)
    rows = parser.parse_args().rows
    reference = Transformers(weights.chat_model_path())
    for name, batch in workloads(rows).items():
        settings = reference.best_settings(batch[:16], BATCHES[name])
        compare_on(name, batch, lambda batch, settings=settings: reference.answer(batch, *settings), settings)


def workloads(rows: int) -> dict[str, list[Messages]]:
    """Return the conversations of each workload; rows come from validation, examples from train."""
    task = load_task("tickets")
    shown = [turn for example in task.train[:EXAMPLES] for turn in (
        {"role": "user", "content": example.input}, {"role": "assistant", "content": example.expected["category"]})]
    zero_shot = [prompts.described(task, example.input) for example in task.validation[:rows]]
    return {"zero-shot": zero_shot, "25 examples": [[turns[0], *shown, turns[1]] for turns in zero_shot]}


def compare_on(name: str, batch: list[Messages], answer: Callable, settings: tuple) -> None:
    """Print medians over rounds that take turns, the ratio, and how many replies are equal."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        seconds, served = served_by_us(batch)
        ours.append(seconds)
        started = time.perf_counter()
        generated = answer(batch)
        theirs.append(time.perf_counter() - started)
    equal = sum(a == b for a, b in zip(served, generated, strict=True)) / len(batch)
    ratio = median(theirs) / median(ours)
    print(f"{name:12} {len(batch)} tickets: served {median(ours):6.1f} s, transformers {median(theirs):6.1f} s "
          f"(batch {settings[0]}, {str(settings[1]).removeprefix('torch.')}); ratio {ratio:.2f} (bar {BARS[name]}), "
          f"{equal:.0%} of replies equal (bar {EQUAL:.0%}): "
          f"{'met' if ratio >= BARS[name] and equal >= EQUAL else 'MISSED'}", flush=True)


def served_by_us(batch: list[Messages]) -> tuple[float, list[str]]:
    """Return seconds and replies of a service that has seen none of these prompts, its start not counted."""
    running = service.start()
    client = openai.OpenAI(base_url=running.base_url, api_key=running.api_key, max_retries=0)

    def ask(messages: Messages, tokens: int = NEW_TOKENS) -> str:
        return client.chat.completions.create(model=weights.chat_model_name(), messages=messages, temperature=0,
                                              max_tokens=tokens).choices[0].message.content

    ask([{"role": "user", "content": "hello"}], tokens=1)       # loads the model
    started = time.perf_counter()
    first = ask(batch[0])       # computes the shared beginning
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        replies = [first, *pool.map(ask, batch[1:])]
    seconds = time.perf_counter() - started
    running.stop()
    return seconds, replies


class Transformers:
    """The same weights under `transformers`: dequantized from the same file, batched, greedy."""

    def __init__(self, path: Path):
        self.tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
        self.tokenizer.padding_side, self.tokenizer.pad_token = "left", self.tokenizer.eos_token
        self.models = {kind: AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=kind).eval()
                       for kind in (torch.float32, torch.bfloat16)}

    def best_settings(self, batch: list[Messages], sizes: tuple[int, ...]) -> tuple[int, torch.dtype]:
        """Return the batch size and precision that answer a few tickets fastest."""
        def seconds(size: int, kind: torch.dtype) -> float:
            started = time.perf_counter()
            self.answer(batch, size, kind)
            return time.perf_counter() - started
        return min(((size, kind) for size in sizes for kind in self.models), key=lambda setting: seconds(*setting))

    @torch.no_grad()
    def answer(self, batch: list[Messages], size: int, kind: torch.dtype) -> list[str]:
        """Answer every conversation, those of like length together."""
        texts = [self.tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True) for m in batch]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        replies: dict[int, str] = {}
        for start in range(0, len(order), size):
            chosen = order[start:start + size]
            tokens = self.tokenizer([texts[i] for i in chosen], return_tensors="pt", padding=True,
                                    add_special_tokens=False)
            made = self.models[kind].generate(**tokens, max_new_tokens=NEW_TOKENS, do_sample=False,
                                              pad_token_id=self.tokenizer.pad_token_id)
            new = self.tokenizer.batch_decode(made[:, tokens.input_ids.shape[1]:], skip_special_tokens=True)
            replies |= dict(zip(chosen, new, strict=True))
        return [replies[i] for i in range(len(batch))]


if __name__ == "__main__":
    main()
