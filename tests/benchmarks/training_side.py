"""One side of training_vs_trl: train on a file, and print tokens a second, held-out loss and peak memory as JSON.

    python tests/benchmarks/training_side.py course|peft|trl|trl-plain WEIGHTS TRAIN UNSEEN

The side of TRL runs with another Python and imports nothing of the course. Held-out loss is nats a learned token,
counted by the same lines for both sides, in float32.
"""
from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

RANK, RATE, BATCH, IGNORED = 16, 1e-3, 8, -100


def main() -> None:
    """Train one way and print what was measured."""
    way, weights, train_file, unseen_file = sys.argv[1], *map(Path, sys.argv[2:])
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    taught, unseen = (rows(tokenizer, path) for path in (train_file, unseen_file))
    read = sum(len(ids) for ids, _ in taught)
    with tempfile.TemporaryDirectory() as folder:
        if way in ("course", "peft"):
            model, seconds = by_course(weights, train_file, Path(folder), own_layers=way == "course")
        else:
            model, seconds = by_trl(weights, tokenizer, train_file, folder, checkpointing=way == "trl")
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"tokens_per_second": read / seconds, "loss": held_out(model, unseen), "megabytes": megabytes}))


def rows(tokenizer, path: Path) -> list[tuple[list[int], list[int]]]:
    """Return each example's tokens, and what is to be predicted: the answer."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        *before, answer = json.loads(line)["messages"]
        asked = tokenizer.apply_chat_template(before, add_generation_prompt=True, tokenize=False)
        given, learned = (tokenizer(text).input_ids for text in (asked, answer["content"] + tokenizer.eos_token))
        found.append((given + learned, [IGNORED] * len(given) + learned))
    return found


def base(weights: Path):
    """Return the model without the mark that it was read from GGUF: the trainer takes that for weights of few bits."""
    read = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    del read.config.quantization_config
    model = AutoModelForCausalLM.from_config(read.config, dtype=torch.float32)
    model.load_state_dict(read.state_dict())
    return model


def held_out(model, unseen: list[tuple[list[int], list[int]]]) -> float:
    """Return the mean loss on the answers of what was not learned, in nats a token."""
    model.eval()
    total = count = 0
    with torch.no_grad():
        for ids, goal in unseen:
            learned = sum(one != IGNORED for one in goal)
            total += learned * model(input_ids=torch.tensor([ids]), labels=torch.tensor([goal])).loss.item()
            count += learned
    return total / count


def by_course(weights: Path, path: Path, folder: Path, own_layers: bool):
    """Train as the service does, or with PEFT's layers."""
    from peft import LoraConfig, get_peft_model
    from peft.utils import set_peft_model_state_dict
    from safetensors.torch import load_file

    from helpers.local import conversations, lora, trainer, training
    from helpers.local.jobs import Hyperparameters
    if not own_layers:
        lora.in_one_step = lambda model, dtype: model
    recipe = trainer.recipe(Hyperparameters(1, BATCH, 1.0), seed=0, rank=RANK)
    run = training.train(weights, [[[one] for one in conversations.read(path)]], recipe, folder)
    model = get_peft_model(base(weights), LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"))
    set_peft_model_state_dict(model, {training.PREFIX + name: one for name, one in load_file(run.adapter).items()})
    return model, run.seconds


def by_trl(weights: Path, tokenizer, path: Path, folder: str, checkpointing: bool):
    """Train with TRL's SFTTrainer and its defaults, but for what both sides share."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import SFTConfig, SFTTrainer
    turns = [json.loads(line)["messages"] for line in path.read_text(encoding="utf-8").splitlines()]
    data = Dataset.from_list([{"prompt": one[:-1], "completion": one[-1:]} for one in turns])
    settings = SFTConfig(output_dir=folder, num_train_epochs=1, per_device_train_batch_size=BATCH, learning_rate=RATE,
                         gradient_checkpointing=checkpointing, report_to="none", save_strategy="no", use_cpu=True,
                         disable_tqdm=True, seed=0)
    trainer = SFTTrainer(base(weights), settings, train_dataset=data, processing_class=tokenizer,
                         peft_config=LoraConfig(r=RANK, lora_alpha=2 * RANK, target_modules="all-linear"))
    started = time.perf_counter()
    trainer.train()
    return trainer.model.float(), time.perf_counter() - started


if __name__ == "__main__":
    main()
