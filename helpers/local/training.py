"""Train a LoRA adapter for a chat model, on a GPU where there is one and on two cores where there is not.

The weights are read from the same GGUF file that the engine serves, or from a transformers folder. Only the answers
are learned, and the language head is computed only there. Conversations that begin alike are read as one: the beginning
once, then each ending, which sees the beginning and not the other endings. Every few minutes a checkpoint is written,
whole or not at all: a run that was cut off goes on from it, and ends as it would have.

    run = train(weights, [bundles], Recipe(rank=32), folder, progress=print)
    run.adapter, run.losses

Does not: choose what to train on, or put the adapter into the weights (see gguf_files.merge_adapter).
"""
from __future__ import annotations

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from random import Random

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedTokenizerBase

from helpers.local import lora
from helpers.local.conversations import Conversation
from helpers.local.processes import ALONE, Processes, ProcessLost

PREFIX = "base_model.model."        # what PEFT puts before the names of an adapter's matrices


@dataclass(frozen=True)
class Recipe:
    """What decides an adapter, apart from data and weights."""

    rank: int = 32
    alpha: int = 64
    learning_rate: float = 4e-4
    warmup: float = 0.03            # share of the steps in which the rate rises; it then falls along a cosine
    batch_tokens: int = 2_048       # about so many are read at a time: a step, or a part of one
    batch_examples: int | None = None   # a step reads so many bundles, whatever their length
    longest: int = 1_024            # tokens; longer conversations are left out
    epochs: int = 1
    seed: int = 0
    four_bit: bool | None = None    # the model's matrices are kept in 4 bits while the adapter learns (QLoRA)

    @property
    def settings(self) -> dict:
        """What is set. What is not is no part of it, so that a run begun before a setting was invented goes on."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Bundle:
    """Conversations that begin alike, as one row of tokens: the common beginning, then every ending.

    `weight` is 0 where nothing is learned, `ending` is 0 in the beginning and 1, 2, ... in the endings, `position` is
    where the token stands in its own conversation.
    """

    token: list[int]
    weight: list[float]
    ending: list[int]
    position: list[int]

    def __len__(self) -> int:
        return len(self.token)


@dataclass
class Losses:
    """The loss of each step, as answer_loss gives it, and what was read until then.

    `validation` is the loss on conversations that are not learned, by the step that ended an epoch.
    """

    losses: list[float] = field(default_factory=list)
    validation: dict[int, float] = field(default_factory=dict)
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Trained:
    """A finished run."""

    adapter: Path
    losses: list[float]
    validation: dict[int, float]
    tokens: int
    seconds: float
    device: str


def train(weights: Path, lessons: Sequence[Sequence[Sequence[Conversation]]], recipe: Recipe, folder: Path,
          progress: Callable[[int, int, Losses], None] = lambda step, steps, so_far: None,
          stop_after: float = math.inf, begin: Path | None = None, validation: Sequence[Conversation] = (),
          save_every: float = 300, processes: Processes = ALONE) -> Trained | None:
    """Train on lessons, one after the other, and return the finished run.

    A lesson is a list of bundles in any order, and a bundle one or more conversations that begin alike. The adapter
    begins as the one in the file `begin`, or as nothing. Goes on from the folder's checkpoint if one is there, written
    every `save_every` seconds. After `stop_after` seconds it writes a checkpoint and returns None: call it again.
    Ctrl-C does the same and raises KeyboardInterrupt. Between epochs the adapter is kept as epoch-1.safetensors, ...
    Several `processes` learn what one would, each from its share of every batch; how many there are is no part of a
    run, and may change when it is taken up again. Raises ValueError, and ProcessLost when another process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = device_here()
    tokenizer = tokenizer_of(weights)
    batches = [batch for bundles in lessons for batch in _batches([bundled(tokenizer, one) for one in bundles], recipe)]
    if not batches:
        raise ValueError(f"No example has an answer to learn and at most {recipe.longest:,} tokens. Shorten them, or "
                         "give their answers a weight of 1.")
    model = _with_adapter(weights, recipe, device)
    if begin:
        set_peft_model_state_dict(model, {PREFIX + name: value for name, value in load_file(begin).items()})
    unseen = sorted((bundled(tokenizer, [one]) for one in validation), key=len)
    run = _Run(model, batches, recipe, folder / "checkpoint.pt", begin, unseen, processes)
    run.restore()
    if not run.go(progress, time.monotonic() + stop_after, save_every):
        return None
    adapter = folder / "adapter.safetensors"
    if processes.first:
        _save_adapter(model, recipe, adapter)
    so_far = run.so_far
    return Trained(adapter, so_far.losses, so_far.validation, so_far.tokens, so_far.seconds, device)


class _Run:
    """Model, optimizer and how far it has come."""

    def __init__(self, model: torch.nn.Module, batches: list[list[Bundle]], recipe: Recipe, checkpoint: Path,
                 begin: Path | None, unseen: list[Bundle], processes: Processes = ALONE):
        self.model, self.batches, self.recipe, self.checkpoint = model, batches, recipe, checkpoint
        self.processes = processes
        self.unseen = [bundle for bundle in unseen if len(bundle) <= recipe.longest]
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(self.weights, lr=recipe.learning_rate, weight_decay=0.0)
        self.so_far = Losses()
        # what a checkpoint must belong to: gone on with other batches, a run would be neither the one nor the other
        read = hashlib.sha256(repr([one.token for batch in batches for one in batch]).encode()).hexdigest()
        self.identity = {"recipe": recipe.settings, "read": read}
        if begin:
            self.identity["begin"] = hashlib.sha256(begin.read_bytes()).hexdigest()

    @property
    def step(self) -> int:
        return len(self.so_far.losses)

    def go(self, progress: Callable[[int, int, Losses], None], deadline: float, save_every: float) -> bool:
        """Train until all batches are read or the deadline passes; say whether they are."""
        saved = time.monotonic()
        try:
            while self.step < len(self.batches):
                if self.processes.any(time.monotonic() > deadline):
                    self.save()
                    return False
                self._learn(self.batches[self.step])
                self._end_epoch()
                if self.processes.first:
                    progress(self.step, len(self.batches), self.so_far)
                if time.monotonic() - saved > save_every:
                    self.save()
                    saved = time.monotonic()
        except (KeyboardInterrupt, ProcessLost):
            self.save()
            raise
        self.save()
        return True

    def _learn(self, batch: list[Bundle]) -> None:
        started = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.step, len(self.batches), self.recipe)
        loss = 0.0
        for part in self._parts(batch):
            part.backward()
            loss += part.item()
        self.processes.add_gradients(self.weights)
        loss = self.processes.total(loss)
        torch.nn.utils.clip_grad_norm_(self.weights, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.so_far.losses.append(round(loss, 4))
        self.so_far.tokens += sum(map(len, batch))
        self.so_far.seconds += time.monotonic() - started

    def _parts(self, bundles: list[Bundle]) -> Iterator[torch.Tensor]:
        """Yield the loss on bundles, sorted by length, in parts that add up: so many at once need more memory.

        One of several processes yields its share: over all of them the parts add up.
        """
        for part in _cut(self.processes.share(bundles), self.recipe.batch_tokens):
            yield answer_loss(self.model, _padded(part, self.weights[0].device)) * (_weight(part) / _weight(bundles))

    def _end_epoch(self) -> None:
        """After the last step of an epoch, note the loss on what is not learned; keep the adapter if more follow."""
        epoch, steps_left = divmod(self.step * self.recipe.epochs, len(self.batches))
        if steps_left:
            return
        if self.unseen:
            with torch.no_grad():
                loss = self.processes.total(sum(part.item() for part in self._parts(self.unseen)))
            self.so_far.validation[self.step] = round(loss, 4)
        if epoch < self.recipe.epochs and self.processes.first:
            _save_adapter(self.model, self.recipe, self.checkpoint.with_name(f"epoch-{epoch}.safetensors"))
            self.save()

    def save(self) -> None:
        """Write a checkpoint beside the old one and put it in its place. The first process does, for all."""
        if not self.processes.first:
            return
        part = self.checkpoint.with_suffix(".part")
        torch.save({"identity": self.identity, "weights": self.weights, "optimizer": self.optimizer.state_dict(),
                    "so_far": asdict(self.so_far)}, part)
        os.replace(part, self.checkpoint)

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one of the same recipe and data. Raises ValueError for another's."""
        if not self.checkpoint.exists():
            return
        kept = torch.load(self.checkpoint, map_location=self.weights[0].device, weights_only=True)
        if kept.get("identity") != self.identity:
            raise ValueError(f"{self.checkpoint} belongs to another recipe or to other data. Remove it, or train into "
                             "another folder.")
        with torch.no_grad():
            for weight, saved in zip(self.weights, kept["weights"], strict=True):
                weight.copy_(saved)
        self.optimizer.load_state_dict(kept["optimizer"])
        self.so_far = Losses(**kept["so_far"])


# ---------------------------------------------------------------- the model

def device_here() -> str:
    """Return what training runs on: an NVIDIA GPU, Apple's, or the CPU, which is the reference.

    Example: device_here() -> "cpu"
    """
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _with_adapter(weights: Path, recipe: Recipe, device: str) -> torch.nn.Module:
    """Return the model with a fresh adapter on every linear layer; only the adapter's numbers will change."""
    torch.manual_seed(recipe.seed)
    kept = _in_four_bits(weights) if recipe.four_bit else {}
    model = AutoModelForCausalLM.from_pretrained(**_files(weights), dtype=torch.float32, **kept)
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", lora_dropout=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)      # PEFT's, of transformers: nothing a reader could do
        adapted = get_peft_model(model, config).to(device)
    return lora.in_one_step(adapted, torch.bfloat16 if bf16_pays(device) else torch.float32)


def _files(weights: Path) -> dict:
    """Return how transformers names what it loads: a GGUF file by its folder, or a folder of its own."""
    if weights.is_dir():
        return {"pretrained_model_name_or_path": weights}
    return {"pretrained_model_name_or_path": weights.parent, "gguf_file": weights.name}


def _in_four_bits(weights: Path) -> dict:
    """Return how transformers loads a folder's matrices in 4 bits; what else there is, and the adapter, stay float32.

    Raises ValueError where something for it is missing. Not tried on a GPU; on a CPU, past this check, it learned.
    """
    needed = {"an NVIDIA GPU": torch.cuda.is_available(), "the package bitsandbytes": find_spec("bitsandbytes"),
              f"a transformers folder ({weights.name} is a GGUF file, which is unpacked)": weights.is_dir()}
    missing = [what for what, there in needed.items() if not there]
    if missing:
        raise ValueError(f"Training in 4 bits lacks {', '.join(missing)}. Train without it, or where all of that is.")
    config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                bnb_4bit_compute_dtype=torch.bfloat16)
    return {"quantization_config": config, "device_map": {"": torch.cuda.current_device()}}


def answer_loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the weighted mean cross-entropy at the learned tokens, in nats.

    The head, a matrix of 49,152 rows, is computed only where an answer stands: that alone saves a third of the time.
    """
    chat, learned = model.base_model.model, batch.weight[:, 1:] > 0
    with torch.autocast(batch.token.device.type, dtype=torch.bfloat16, enabled=bf16_pays(batch.token.device.type)):
        states = chat.model(input_ids=batch.token, position_ids=batch.position, attention_mask=batch.sees,
                            use_cache=False).last_hidden_state
        predicted = chat.lm_head(states[:, :-1][learned])
    each = torch.nn.functional.cross_entropy(predicted.float(), batch.token[:, 1:][learned], reduction="none")
    weight = batch.weight[:, 1:][learned]
    return (each * weight).sum() / weight.sum()


@lru_cache(maxsize=2)
def bf16_pays(device: str) -> bool:
    """Say whether a device multiplies faster in bfloat16 than in float32, by trying both on a CPU.

    Without instructions for it a processor goes number by number: one with AVX2 alone trained 20 times slower.
    Example: bf16_pays("cuda") -> True
    """
    if device != "cpu":
        return device == "cuda"     # Apple's GPU stays with float32 until somebody has tried it
    return _seconds_to_multiply(torch.bfloat16) < _seconds_to_multiply(torch.float32)


def _seconds_to_multiply(kind: torch.dtype) -> float:
    """Return the shortest of several times that a matrix of the model's own size takes.

    Of the processor and in one thread: on a busy machine, threads that wait for one another say nothing of a number.
    """
    states, weight, took = torch.ones(64, 576, dtype=kind), torch.ones(576, 1_536, dtype=kind), []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(5):
        started = time.thread_time()
        states @ weight
        took.append(time.thread_time() - started)
    torch.set_num_threads(threads)
    return min(took)


def rate(step: int, steps: int, recipe: Recipe) -> float:
    """Return the learning rate of a step: a short rise, then a cosine down to a tenth.

    Example: rate(0, 100, Recipe(learning_rate=3e-4)) -> 1e-4
    """
    rising = max(1, round(recipe.warmup * steps))
    if step < rising:
        return recipe.learning_rate * (step + 1) / rising
    done = (step - rising) / max(1, steps - rising)
    return recipe.learning_rate * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)


def _save_adapter(model: torch.nn.Module, recipe: Recipe, path: Path) -> None:
    """Write the adapter's matrices as float16, with the recipe in the file's metadata."""
    tensors = {name.removeprefix(PREFIX): value.detach().to("cpu", torch.float16).contiguous()
               for name, value in get_peft_model_state_dict(model, save_embedding_layers=False).items()}
    part = path.with_suffix(".part")
    save_file(tensors, part, metadata={"recipe": json.dumps(recipe.settings)})
    os.replace(part, path)


# ---------------------------------------------------------------- conversations as batches

@lru_cache(maxsize=1)       # reading it out of a weights file takes seconds
def tokenizer_of(weights: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer inside a weights file, or beside the weights in a folder."""
    return AutoTokenizer.from_pretrained(**_files(weights))


def fitting(weights: Path, conversations: Sequence[Conversation], longest: int) -> list[Conversation]:
    """Return the conversations that have an answer to learn and no more than so many tokens."""
    tokenizer = tokenizer_of(weights)
    return [one for one in conversations if one.learned and len(bundled(tokenizer, [one])) <= longest]


def bundled(tokenizer: PreTrainedTokenizerBase, conversations: Sequence[Conversation]) -> Bundle:
    """Return conversations as one row of tokens, what they all begin with read once.

    Example: two questions after one system prompt -> its tokens, then question and answer, then question and answer
    """
    rows = [_tokenized(tokenizer, one) for one in conversations]
    common = _common([tokens for tokens, _ in rows])
    first_tokens, first_weights = rows[0]
    token, weight = first_tokens[:common], first_weights[:common]
    ending, position = [0] * common, list(range(common))
    for number, (tokens, weights) in enumerate(rows, 1):
        token = token + tokens[common:]
        weight = weight + weights[common:]
        ending += [number] * (len(tokens) - common)
        position += range(common, len(tokens))
    return Bundle(token, weight, ending, position)


def _common(rows: list[list[int]]) -> int:
    """Return how many first tokens all rows share. Example: _common([[1, 2, 3], [1, 2, 4]]) -> 2"""
    return next((i for i, column in enumerate(zip(*rows, strict=False)) if len(set(column)) > 1), min(map(len, rows)))


def _tokenized(tokenizer: PreTrainedTokenizerBase, conversation: Conversation) -> tuple[list[int], list[float]]:
    """Return a conversation's tokens and weights. The mark that ends an answer is learned with it.

    A long answer counts for more than a short one, and not in proportion: its tokens weigh 1 / √length each.
    """
    tokens: list[int] = []
    weights: list[float] = []
    written = ""
    for position in conversation.learned:
        before, answered = conversation.messages[:position], conversation.messages[position]["content"]
        asked = tokenizer.apply_chat_template(before, tokenize=False, add_generation_prompt=True)
        answer = answered + tokenizer.eos_token
        for text, learned in ((asked.removeprefix(written), False), (answer, True)):
            added = tokenizer(text, add_special_tokens=False).input_ids
            tokens += added
            weights += [len(added) ** -0.5 if learned else 0.0] * len(added)
        written = asked + answer
    return tokens, weights


def _batches(bundles: list[Bundle], recipe: Recipe) -> list[list[Bundle]]:
    """Return batches of like length, the batches shuffled, once for every epoch."""
    fitting = [bundle for bundle in bundles if len(bundle) <= recipe.longest]
    random = Random(recipe.seed)
    batches = []
    for _ in range(recipe.epochs):
        order = sorted(random.sample(fitting, len(fitting)), key=len)
        if recipe.batch_examples is None:       # padded to the longest, a batch takes about as long as any other
            epoch = list(_cut(order, recipe.batch_tokens))
        else:
            epoch = [order[i:i + recipe.batch_examples] for i in range(0, len(order), recipe.batch_examples)]
        batches += random.sample(epoch, len(epoch))
    return batches


def _cut(bundles: list[Bundle], most: int) -> Iterator[list[Bundle]]:
    """Cut bundles, sorted by length, into runs that have at most so many tokens when padded to the longest."""
    run: list[Bundle] = []
    for bundle in bundles:
        if run and (len(run) + 1) * len(bundle) > most:
            yield run
            run = []
        run.append(bundle)
    if run:
        yield run


def _weight(bundles: list[Bundle]) -> float:
    """Return the weight of all learned tokens together."""
    return sum(sum(bundle.weight) for bundle in bundles)


@dataclass(frozen=True)
class Batch:
    """Bundles as tensors of shape (bundles, tokens), filled up on the right; `sees` is (bundles, 1, tokens, tokens)."""

    token: torch.Tensor
    weight: torch.Tensor
    position: torch.Tensor
    sees: torch.Tensor


def _padded(bundles: list[Bundle], device: torch.device) -> Batch:
    longest = max(map(len, bundles))

    def rows(values: list[list], fill: float) -> torch.Tensor:
        return torch.tensor([row + [fill] * (longest - len(row)) for row in values], device=device)
    ending = rows([bundle.ending for bundle in bundles], 0)
    return Batch(rows([bundle.token for bundle in bundles], 0), rows([bundle.weight for bundle in bundles], 0.0),
                 rows([bundle.position for bundle in bundles], 0), sees(ending))


def sees(ending: torch.Tensor) -> torch.Tensor:
    """Return which token sees which: those before it in the beginning, and those before it in its own ending.

    Example: sees(torch.tensor([[0, 1, 2]]))[0, 0] -> [[True, False, False], [True, True, False], [True, False, True]]
    """
    alike = (ending[:, :, None] == ending[:, None, :]) | (ending[:, None, :] == 0)
    before = torch.ones_like(alike).tril()
    return (alike & before)[:, None]
