"""Build the messages and the output schema for a labelling task, and the messages for showing examples and passages.

Does not: hold a prompt that a notebook discusses; those stand in the notebook, in full view.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

from helpers.tasks import Example, LabelTask

CLOSED = "Answer the customer of the shop Otterbrook in a few words. If you do not know, reply: I don't know."
READ = "Answer in a few words from the text. If the answer is not there, reply: Not in the passage."


def plain(task: LabelTask, text: str) -> list[dict]:
    """Ask for one label in plain words, naming the labels.

    Example: plain(task, "Where is it?")[0]["content"] -> "Which label fits …"
    """
    return [{"role": "user", "content": f"Which of these labels fits the message: {', '.join(task.labels)}?\n"
                                        f"Answer with one label and nothing else.\n\nMessage: {text}"}]


def described(task: LabelTask, text: str) -> list[dict]:
    """Put the labels with their descriptions into the system prompt, and the bare text into the user's turn."""
    lines = [f"- {label}: {line}" if line else f"- {label}" for label, line in task.fields[task.headline].items()]
    instruction = (f"You label messages. The labels of {task.headline!r} are:\n" + "\n".join(lines)
                   + "\nAnswer with one label and nothing else.")
    return [{"role": "system", "content": instruction}, {"role": "user", "content": text}]


def with_examples(system: str, shots: Sequence[Example], text: str, answer: Callable[[Example], str]) -> list[dict]:
    """Show examples as turns of the conversation, each with its answer, before the text that is asked about.

    Example: with_examples("Sort.", [shot], "Hi", label)[1:3] -> [{"role": "user", …}, {"role": "assistant", …}]
    """
    turns = [{"role": "system", "content": system}]
    for shot in shots:
        turns += [{"role": "user", "content": shot.input}, {"role": "assistant", "content": answer(shot)}]
    return [*turns, {"role": "user", "content": text}]


def from_passages(question: str, passages: Sequence[object], rule: str = READ) -> list[dict]:
    """Put a rule and numbered passages into the system prompt, and the question into the user's turn.

    Example: from_passages("When?", ["At ten."])[0]["content"] -> "Answer in … Passage 1: At ten."
    """
    shown = "\n\n".join(f"Passage {number}: {passage}" for number, passage in enumerate(passages, 1))
    return [{"role": "system", "content": f"{rule}\n\n{shown}"}, {"role": "user", "content": question}]


def without_pages(question: str, rule: str = CLOSED) -> list[dict]:
    """Put a question with no page beside it, and leave a way out.

    Example: without_pages("When?")[1] -> {"role": "user", "content": "When?"}
    """
    return [{"role": "system", "content": rule}, {"role": "user", "content": question}]


def label_schema(task: LabelTask) -> dict:
    """Return a `response_format` that lets the model write nothing but one of the headline's labels, as JSON."""
    return choice_schema(task.headline, task.labels)


def choice_schema(field: str, values: list[str]) -> dict:
    """Return a `response_format` that lets the model write nothing but JSON with one field, and one of these values."""
    return {"type": "json_schema", "json_schema": {"name": field, "strict": True, "schema": {
        "type": "object", "properties": {field: {"type": "string", "enum": values}},
        "required": [field], "additionalProperties": False}}}
