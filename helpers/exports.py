"""Hand the same rows to a full evaluation framework: inspect-ai and promptfoo, as the files that they read.

    inspect_dataset(task.test, messages, folder / "tickets.jsonl")
    promptfoo_folder(task.test, SYSTEM, folder, model)
    plain_rows(run, folder / "run.jsonl")       and every answer, for anything that reads JSON Lines

Does not: import either; nothing has to be installed to write the files.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from helpers.evaluation import Run
from helpers.tasks import Example

# what the course's own score forgives: case, quotes, a full stop
BARE = "output.trim().replace(/^[\"'`*.\\s]+|[\"'`*.\\s]+$/g, '').toLowerCase()"


def inspect_dataset(examples: Sequence[Example], messages: Callable[[Example], list[dict]], path: Path) -> Path:
    """Write a dataset for `inspect_ai.dataset.json_dataset`: a line each, with id, input, target and metadata.

    Example: inspect_dataset(task.test, lambda one: prompts.plain(task, one.input), Path("tickets.jsonl"))
    """
    return _lines(path, [{"id": one.id, "input": messages(one), "target": _answer(one), "metadata": one.tags}
                         for one in examples])


def promptfoo_folder(examples: Sequence[Example], system: str, folder: Path, model: str) -> Path:
    """Write a folder in which `promptfoo eval` runs: the prompt, a test for each row, and the configuration.

    The server is the one that OPENAI_BASE_URL names, as everywhere in the course.
    """
    folder.mkdir(parents=True, exist_ok=True)
    prompt = [{"role": "system", "content": _raw(system)}, {"role": "user", "content": "{{message}}"}]
    (folder / "prompt.json").write_text(json.dumps(prompt, indent=1, ensure_ascii=False), encoding="utf-8")
    _lines(folder / "tests.jsonl", [{"description": one.id, "vars": {"message": _raw(one.input)}, "metadata": one.tags,
                                     "assert": [{"type": "equals", "value": _answer(one)}]} for one in examples])
    config = ["prompts: [file://prompt.json]", "providers:", f"  - id: {json.dumps('openai:chat:' + model)}",
              "    config: {temperature: 0, max_tokens: 24}", "defaultTest:",
              f"  options: {{transform: {json.dumps(BARE)}}}", "tests: file://tests.jsonl"]
    path = folder / "promptfooconfig.yaml"
    path.write_text("\n".join(config) + "\n", encoding="utf-8")
    return path


def plain_rows(run: Run, path: Path) -> Path:
    """Write every row of a run, with the run's name: what was asked for, what came, whether it was right."""
    return _lines(path, [{"run": run.name} | row for row in json.loads(run.rows.to_json(orient="records"))])


def _answer(example: Example) -> str:
    expected = example.expected
    return expected[example.task.headline] if isinstance(expected, dict) else str(expected)


def _raw(text: str) -> str:
    """Keep promptfoo's templates from reading what a customer wrote."""
    return f"{{% raw %}}{text}{{% endraw %}}" if "{{" in text or "{%" in text else text


def _lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
