"""Carry out one run: train, merge, ask, keep the answers.

    keep(point, carry_out(point))

A run that was cut off goes on from its checkpoint; one that is done is not done again. The adapter is kept in the
cache, the merged model is not: it is 145 MB, and made anew in seconds.
"""
from __future__ import annotations

import datetime
import json
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock

from helpers.experiments.points import Exam, Point, path_of, rows
from helpers.local import conversations, folders, gguf_files, trainer, weights
from helpers.local.engine import ChatEngine
from helpers.progress import Progress
from helpers.settings import cache_folder

Say = Callable[[str], None]


def is_done(point: Point) -> bool:
    """Say whether a run is kept, of this very model, data, recipe and questions."""
    return point.id in {row["id"] for row in rows(point.experiment)}


def carry_out(point: Point) -> dict:
    """Do a run and return what came out, as it will be kept. The adapter is in the cache, or will be."""
    return measured(point, aloud, cache_folder() / "experiments" / point.adapter_id)


def keep(point: Point, row: dict) -> None:
    """Keep what came out of a run, in place of an older one with the same settings."""
    others = [one for one in rows(point.experiment) if one["settings"] != point.settings]
    folders.write(path_of(point.experiment), "".join(json.dumps(one, ensure_ascii=False) + "\n"
                                                     for one in [*others, row]))


def aloud(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


def measured(point: Point, say: Say, folder: Path) -> dict:
    """Do a run with the adapter in this folder, which is trained there unless it is, and return what came out."""
    folder.mkdir(parents=True, exist_ok=True)
    row = {"settings": point.settings, "id": point.id, "base": weights.chat_model_fingerprint(),
           "date": datetime.date.today().isoformat(), "seed": point.seed, **_trained(point, say, folder)}
    asked = zip(point.exams, _examined(point, folder), strict=True)
    return row | {"exams": {exam.name: kept for exam, kept in asked}}


# ---------------------------------------------------------------- training

def _trained(point: Point, say: Say, folder: Path) -> dict:
    """Train the point's adapter unless it is there, and return how that went."""
    if not point.training:
        return {"examples": 0, "hyperparameters": None, "rank": None, "tokens": 0, "seconds": 0.0, "losses": []}
    facts = folder / "facts.json"
    with FileLock(folder / "training.lock"):    # side by side, two runs may need the same adapter: one trains it
        if not facts.exists():
            folders.write(facts, json.dumps(_train(point, say, folder)))
            (folder / "checkpoint.pt").unlink(missing_ok=True)
    return json.loads(facts.read_text(encoding="utf-8"))


def _train(point: Point, say: Say, folder: Path) -> dict:
    from helpers.local import training  # brings torch, which takes seconds
    base, recipe = weights.chat_model_path(), trainer.recipe(point.recipe, point.seed, point.rank)
    taught = training.fitting(base, [conversations.conversation(one) for one in point.training], recipe.longest)

    def progress(step: int, steps: int, so_far: training.Losses) -> None:
        if step % 20 == 0 or step == steps:
            speed = so_far.tokens / so_far.seconds
            say(f"  {point}: step {step} of {steps}, loss {so_far.losses[-1]:.2f}, {speed:.0f} tokens/s")
    run = training.train(base, [[[one] for one in taught]], recipe, folder, progress)
    return {"examples": len(taught), "hyperparameters": vars(point.recipe), "rank": point.rank, "tokens": run.tokens,
            "seconds": round(run.seconds, 1), "device": run.device, "losses": run.losses}


# ---------------------------------------------------------------- asking

def _examined(point: Point, folder: Path) -> list[dict]:
    """Return what the trained model, merged as the service does it, says to each exam."""
    base = weights.chat_model_path()
    if not point.training:
        return [_ask(ChatEngine(base), point, exam) for exam in point.exams]
    with TemporaryDirectory(dir=folder) as room:
        merged = Path(room) / "model.gguf"
        gguf_files.merge_adapter(base, merged, folder / "adapter.safetensors", gguf_files.dithered)
        engine = ChatEngine(merged)
        return [_ask(engine, point, exam) for exam in point.exams]


def _ask(engine: ChatEngine, point: Point, exam: Exam) -> dict:
    kept, used, started = [], {"prompt_tokens": 0, "completion_tokens": 0}, time.perf_counter()
    with Progress(f"{point}: {exam.name}", len(exam.questions)) as bar:
        for one in exam.questions:
            reply = engine.complete({"messages": one.messages, "temperature": 0, "max_tokens": exam.limit})
            said = reply["choices"][0]["message"]["content"] or ""
            score = one.mark(said)
            kept.append([one.id, score.valid, score.right, said])
            used = {name: count + reply["usage"][name] for name, count in used.items()}
            bar.step()
    return {"seconds": round(time.perf_counter() - started, 1), **used, "rows": kept}
