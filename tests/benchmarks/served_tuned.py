"""(h) Does a tuned model say, served, what PyTorch says, and is it as fast as its base?

    python -m tests.benchmarks.served_tuned                          about 15 minutes on two cores, once trained 5
    python -m tests.benchmarks.served_tuned --examples 40 --rows 30  a quicker look

A model is tuned on tickets through the embedded service, one epoch. PyTorch reads the base in float32 with the exported
adapter; the engine serves both in one, merged and rounded to Q8_0. Greedy, 4 new tokens, as many as a label takes: at
least 97% of 300 replies must be equal. Tokens a second, by the engine's own clock, must be at least 95% of the base's.
"""
from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from helpers import finetuning, provider
from helpers.local import tuned, weights
from helpers.local.engine import ChatEngine
from helpers.tasks import Example, load_task

NEW_TOKENS, ROUNDS, TICKETS = 4, 5, 20
EQUAL, SPEED = 0.97, 0.95

Messages = list[dict]


def main() -> None:
    """Tune a model, ask it both ways, and print how many replies are equal and how fast it is beside its base."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.served_tuned")
    parser.add_argument("--examples", type=int, default=600, help="to tune on")
    parser.add_argument("--rows", type=int, default=300, help="to compare")
    options = parser.parse_args()
    task = load_task("tickets")
    name = tune(task.train[:options.examples])
    batch = [asked(example) for example in task.test[:options.rows]]
    compare_replies(name, batch)
    compare_speeds(ChatEngine(weights.chat_model_path()), ChatEngine(tuned.find(name).file()),
                   [asked(example) for example in task.train])
    os._exit(0)     # the engines' threads would hold up an ordinary exit


def asked(example: Example) -> Messages:
    return [{"role": "system", "content": "Label the message."}, {"role": "user", "content": example.input}]


def tune(examples: list[Example]) -> str:
    """Return the name of a model tuned on these examples; one that is there already is not trained again."""
    os.environ["COURSE_REPLAY"] = "off"
    client, model = provider.connect(weights.DEFAULT_CHAT_MODEL)
    with tempfile.TemporaryDirectory() as folder:
        path = finetuning.write([finetuning.conversation(asked(one), one.expected["category"]) for one in examples],
                                Path(folder) / "train.jsonl")
        job = finetuning.watch(client, finetuning.start(client, model, path, n_epochs=1))
    assert job.fine_tuned_model, job.error
    return job.fine_tuned_model


def compare_replies(name: str, batch: list[Messages]) -> None:
    """Print how many replies of the engine and of PyTorch are equal."""
    engine = ChatEngine(tuned.find(name).file())
    with tempfile.TemporaryDirectory() as folder:
        generated = greedy(*with_adapter(finetuning.export(name, Path(folder) / "adapter", "adapter")), batch)
    equal = sum(a == b for a, b in zip(served(engine, batch), generated, strict=True)) / len(batch)
    print(f"{len(batch)} replies of {name}, served and by PyTorch: {equal:.1%} equal (bar {EQUAL:.0%}): "
          f"{'met' if equal >= EQUAL else 'MISSED'}", flush=True)


def compare_speeds(base: ChatEngine, own: ChatEngine, batch: list[Messages]) -> None:
    """Print tokens a second of both, the same fresh tickets each round, in turns."""
    speeds: dict[str, list[float]] = {"base": [], "tuned": []}
    for turn in range(ROUNDS):
        for kind, engine in (("base", base), ("tuned", own)):
            speeds[kind].append(speed(engine, batch[turn * TICKETS:(turn + 1) * TICKETS]))
    slow, fast = median(speeds["tuned"]), median(speeds["base"])
    print(f"tuned {slow:.0f} tokens/s, base {fast:.0f}; ratio {slow / fast:.2f} (bar {SPEED}): "
          f"{'met' if slow / fast >= SPEED else 'MISSED'}", flush=True)


def speed(engine: ChatEngine, batch: list[Messages]) -> float:
    """Return tokens read and written a second, by the engine's own clock."""
    timings = [complete(engine, messages)["timings"] for messages in batch]
    return (sum(one["prompt_n"] + one["predicted_n"] for one in timings)
            / sum(one["prompt_ms"] + one["predicted_ms"] for one in timings) * 1000)


def complete(engine: ChatEngine, messages: Messages) -> dict:
    return engine.complete({"messages": messages, "max_tokens": NEW_TOKENS, "temperature": 0})


def served(engine: ChatEngine, batch: list[Messages]) -> list[str]:
    """Return the engine's greedy replies."""
    return [complete(engine, messages)["choices"][0]["message"]["content"] for messages in batch]


# ---------------------------------------------------------------- PyTorch

def with_adapter(folder: Path) -> tuple[torch.nn.Module, PreTrainedTokenizerBase]:
    """Return base and exported adapter as PEFT loads them, and the tokenizer."""
    path = weights.chat_model_path()
    base = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return (PeftModel.from_pretrained(base, folder).eval(),
            AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name))


@torch.no_grad()
def greedy(model: Callable, tokenizer: PreTrainedTokenizerBase, batch: list[Messages]) -> list[str]:
    """Return PyTorch's greedy replies, one conversation at a time: nothing is filled up."""
    replies = []
    for messages in batch:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        tokens = tokenizer(text, return_tensors="pt", add_special_tokens=False)
        made = model.generate(**tokens, max_new_tokens=NEW_TOKENS, do_sample=False,
                              pad_token_id=tokenizer.eos_token_id)
        replies.append(tokenizer.decode(made[0, tokens.input_ids.shape[1]:], skip_special_tokens=True))
    return replies


if __name__ == "__main__":
    main()
