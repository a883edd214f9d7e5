"""How much memory does one learner need who asks the model live, or trains it?

    python -m tests.benchmarks.learners            some minutes, more on a busy machine

Replaying is measured by tests.benchmarks.sections.

The peak of all processes that a learner's notebook starts, taken together. Keeps what it finds in
data/results/learner_memory.csv, from which docs/teaching.md has its table.
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from helpers.publishing import timetable
from helpers.settings import ROOT, cache_folder
from tests.benchmarks.memory import Peak

LIVE = """
from helpers import embed, evaluate, load_task
from helpers.ladder import schema_prompt
task = load_task("tickets")
embed([example.input for example in task.train])
print(evaluate(schema_prompt(task), task.validation[:20]))
"""
TRAINING = """
from helpers import connect, finetuning, load_task, prompts
task = load_task("tickets")
client, model = connect()
rows = [finetuning.conversation(prompts.plain(task, one.input), one.expected["category"]) for one in task.train[:12]]
path = finetuning.write(rows, "{folder}/train.jsonl")
job = finetuning.watch(client, finetuning.start(client, model, path, n_epochs=1))
print(job.status)
"""


def main() -> None:
    """Measure, keep, and print."""
    today = datetime.now(UTC).date().isoformat()
    rows = [("asking the embedded model live, with embeddings", peak_of(LIVE)),
            ("training the embedded model", peak_of(TRAINING))]
    timetable.keep(timetable.MEMORY, [{"doing": doing, "megabytes": round(peak), "date": today}
                                      for doing, peak in rows])
    timetable.refresh()
    for doing, peak in rows:
        print(f"{doing}: {peak:,.0f} MB")


def peak_of(program: str) -> float:
    """Run a program that asks live, with a store of its own, and return the most memory that it and its own took."""
    with tempfile.TemporaryDirectory() as folder:
        for weights in [path for path in cache_folder().iterdir() if path.suffix in (".gguf", ".safetensors")]:
            (Path(folder) / weights.name).symlink_to(weights)
        settings = {"COURSE_REPLAY": "off", "COURSE_STORE": folder, "COURSE_CACHE": folder}
        child = subprocess.Popen([sys.executable, "-c", program.replace("{folder}", folder)], cwd=ROOT,
                                 env=os.environ | settings)
        peak = Peak(child.pid)
        child.wait()
        megabytes = peak.stop()
        assert child.returncode == 0, "the program failed; its message stands above"
    return megabytes


if __name__ == "__main__":
    main()
