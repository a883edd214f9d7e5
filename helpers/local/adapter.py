"""Train an adapter on a file, with one process or several, and leave it as a folder that PEFT and vLLM read.

    python -m helpers.local.adapter --data train.jsonl --out tickets
    accelerate launch --multi_gpu --num_processes 2 -m helpers.local.adapter --data train.jsonl --out tickets

The base is the model that answers in the course, or with --model a GGUF file or a transformers folder. The same command
goes on where it was stopped. docs/bigger.md says which of its uses were tried.
Does not: serve (see the page), or put the adapter into the base (see gguf_files.merge_adapter).
"""
from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from peft import LoraConfig
from safetensors import safe_open
from safetensors.numpy import save_file

from helpers.local import conversations, trainer, training, weights
from helpers.local.jobs import Hyperparameters
from helpers.local.processes import Processes, ProcessLost, joined
from helpers.progress import duration


def main() -> None:
    """Do what the command line says, as one of the processes that were started with this one."""
    options = _options()
    with joined() as processes:
        try:
            run = train(options, processes)
        except ProcessLost as error:        # whoever is left says it
            sys.exit(str(error))
        except KeyboardInterrupt:
            run = None
        except (ValueError, weights.WeightsError) as error:
            sys.exit(str(error) if processes.first else 1)
        if run is None:
            sys.exit("Stopped as asked; the same command goes on where this stopped." if processes.first else 1)
        if processes.first:
            write(run.adapter, str(options.model or weights.chat_model_path().stem), options.out)
            print(f"{options.out} holds the adapter: {len(run.losses)} steps on {run.device}, {duration(run.seconds)}.")


def train(options: argparse.Namespace, processes: Processes) -> training.Trained | None:
    """Train on the file with what the command line asks for; None when told to end."""
    base = _there("--model", options.model) if options.model else weights.chat_model_path()
    read = conversations.read(_there("--data", options.data))
    taught = training.fitting(base, read, trainer.LONGEST)
    if len(taught) < len(read) and processes.first:
        print(f"{len(read) - len(taught)} of {len(read)} examples are left out, longer than {trainer.LONGEST:,} tokens "
              "or without an answer to learn.")
    usual = trainer.recipe(Hyperparameters(options.epochs, options.batch_size, 1.0), seed=0, rank=options.rank)
    recipe = replace(usual, learning_rate=options.learning_rate, batch_tokens=options.read_at_once,
                     four_bit=options.four_bit or None)
    return training.train(base, [[[one] for one in taught]], recipe, options.out / "run", _say,
                          save_every=trainer.SAVE_EVERY, processes=processes)


def write(adapter: Path, base: str, folder: Path) -> None:
    """Write an adapter as PeftModel.from_pretrained reads it: names with PEFT's prefix, the recipe as configuration.

    `base` is what the folder says it belongs to. Example: write(run.adapter, "course-135m", Path("tickets"))
    """
    with safe_open(adapter, "numpy") as file:
        recipe = json.loads(file.metadata()["recipe"])
        tensors = {training.PREFIX + name: file.get_tensor(name) for name in file.keys()}    # noqa: SIM118
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    modules = {name.partition(".lora_")[0].rpartition(".")[2] for name in tensors}
    LoraConfig(r=recipe["rank"], lora_alpha=recipe["alpha"], target_modules=sorted(modules), lora_dropout=0.0,
               task_type="CAUSAL_LM", base_model_name_or_path=base).save_pretrained(folder)


def _there(option: str, path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"{option} {path}: nothing is there. A model of the hub is fetched with `hf download NAME "
                         "--local-dir FOLDER`.")
    return path


def _say(step: int, steps: int, so_far: training.Losses) -> None:
    left = duration(so_far.seconds / step * (steps - step))
    print(f"step {step} of {steps}: loss {so_far.losses[-1]:.4f}, {so_far.tokens / so_far.seconds:.0f} tokens/s, "
          f"{left} left", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m helpers.local.adapter", description="Train an adapter on a file.",
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="examples in OpenAI's chat format, JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the adapter and the run's checkpoint")
    parser.add_argument("--model", type=Path, help="a GGUF file or a transformers folder, else the course's model")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=4, help="examples a step, over all processes")
    parser.add_argument("--rank", type=int, default=trainer.RANK)
    parser.add_argument("--learning-rate", type=float, default=trainer.LEARNING_RATE)
    parser.add_argument("--read-at-once", type=int, default=trainer.READ_AT_ONCE, metavar="TOKENS",
                        help="a larger share of a batch is read in parts: more is faster, and needs more memory")
    parser.add_argument("--four-bit", action="store_true", help="keep the model in 4 bits (QLoRA): CUDA, bitsandbytes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
