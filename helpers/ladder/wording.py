"""How each kind of task is put to a model: the instruction, how its answers are written, and the schema if it has one.

    forms(task)["prompt"][0].messages(text) -> [{"role": "user", "content": "Which of these labels fits ..."}]

These are plain first wordings; a reader's own words go in front with --instruction. Does not: ask.
"""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from helpers import prompts
from helpers.ladder.first import MAX_TOKENS
from helpers.ladder.kinds import LABELS, QUESTIONS, RECORDS, TEXTS, kind_of
from helpers.tasks import Example, LabelTask, RecordTask, Task

ANSWER = "Answer in a few words. If you do not know the answer, reply: I don't know."
REPLY = "Answer the message."
RECORD = "Read these fields out of the text and answer with JSON and nothing else:"
SEVERAL = 'Put each thing that is read out into the list "records"; the list is empty if there is none.'
TUNED = {LABELS: "Give the label of the message.", RECORDS: "Read out the fields as JSON.",
         QUESTIONS: "Answer the question in a few words."}
WRAPPED = "records"
LONGEST_ANSWER = 700    # tokens
TYPES = {"string": "text", "number": "number", "boolean": "true or false", "array": "list", "null": "null"}


@dataclass(frozen=True)
class Form:
    """One way to put a task. `bare` builds the messages where nothing is shown beside the text."""

    name: str
    system: str
    answer: Callable[[Example], str]        # the right answer, as the model is to write it
    limit: int                              # tokens of an answer
    bare: Callable[[str], list[dict]] | None = None
    settings: dict = field(default_factory=dict)        # response_format

    def messages(self, text: str, shots: Sequence[Example] = (), passages: Sequence[object] = ()) -> list[dict]:
        """Return the messages for a text, with examples as turns and passages in the system prompt."""
        if not shots and not passages and self.bare:
            return self.bare(text)
        system = prompts.from_passages("", passages, self.system)[0]["content"] if passages else self.system
        return prompts.with_examples(system, shots, text, self.answer)

    def under(self, schema: dict, answer: Callable[[Example], str]) -> Form:
        """Return this form under a schema."""
        return replace(self, settings={"response_format": schema}, answer=answer)


def forms(task: Task, instruction: str = "") -> dict[str, list[Form]]:
    """Return the forms to choose among, for the rungs `prompt` and `schema`; none where a kind has no schema."""
    makers = {LABELS: _label_forms, RECORDS: _record_forms, QUESTIONS: _question_forms, TEXTS: _text_forms}
    return makers[kind_of(task)](task, instruction)


def tuned_form(task: Task, instruction: str = "") -> Form:
    """Return the short form that a model is trained on and then asked in: it knows the rest."""
    plain = forms(task, instruction)["prompt"][-1]
    return replace(plain, name="short prompt", system=instruction or TUNED.get(kind_of(task), REPLY), bare=None)


def reading_form(form: Form, task: Task) -> Form:
    """Return the form for answering from passages: a question is told to read, other kinds read on the side."""
    return replace(form, system=prompts.READ) if kind_of(task) == QUESTIONS else form


def tokens(text: str) -> int:
    """Return about how many tokens a text has: four bytes are one. Example: tokens("Where is it?") -> 3

    Bytes, and not letters: a Cyrillic letter has two of them and costs twice as much, about.
    """
    return -(-len(text.encode()) // 4)


def _limit(task: Task, answer: Callable[[Example], str], least: int) -> int:
    longest = max((tokens(answer(one)) for one in [*task.train, *task.validation]), default=0)
    return min(max(least, 2 * longest), LONGEST_ANSWER)


def _before(instruction: str, rest: str) -> str:
    return f"{instruction}\n{rest}" if instruction else rest


# ---------------------------------------------------------------- labels

def _label_forms(task: LabelTask, instruction: str) -> dict[str, list[Form]]:
    def as_json(example: Example) -> str:
        return json.dumps({task.headline: task.label_of(example)}, ensure_ascii=False)
    system = _before(instruction, prompts.described(task, "")[0]["content"])
    limit = max(MAX_TOKENS, 12 + 2 * max(map(tokens, task.labels)))
    told = any(task.fields[task.headline].values())
    names = Form("label names", system, task.label_of, limit, lambda text: _named(task, instruction, text))
    whole = Form("labels described" if told else "names as system prompt", system, task.label_of, limit)
    schema = prompts.label_schema(task)
    return {"prompt": [names, whole], "schema": [one.under(schema, as_json) for one in (whole, names)]}


def _named(task: LabelTask, instruction: str, text: str) -> list[dict]:
    said = prompts.plain(task, text)
    return [{"role": "system", "content": instruction}, *said] if instruction else said


# ---------------------------------------------------------------- records

def _record_forms(task: RecordTask, instruction: str) -> dict[str, list[Form]]:
    several = any(len(one.expected) != 1 for one in [*task.train, *task.validation])

    def answer(example: Example) -> str:
        return json.dumps({WRAPPED: example.expected} if several else example.expected[0], ensure_ascii=False)
    system = _before(instruction, "\n".join([RECORD, *_fields(task.record), "Write null where the text does not say.",
                                             *[SEVERAL] * several]))
    plain = Form("fields named", system, answer, _limit(task, answer, 64))
    return {"prompt": [plain], "schema": [plain.under(record_schema(task, several), answer)]}


def _fields(record: type[BaseModel]) -> list[str]:
    """Return a line on each field. Example: ["- vendor: text", "- amount: number"]"""
    found = record.model_json_schema()["properties"]
    return [f"- {name}: {_said(one)}" for name, one in found.items()]


def _said(schema: dict) -> str:
    kinds = [one.get("type", "object") for one in schema.get("anyOf", [schema])]
    said = " or ".join(TYPES.get(kind, kind) for kind in kinds if kind != "null")
    return f"{said}, {schema['description']}" if schema.get("description") else said


def record_schema(task: RecordTask, several: bool) -> dict:
    """Return a `response_format` for a record, or for an object with a list of them."""
    schema = task.record.model_json_schema()
    if several:
        inner = {name: part for name, part in schema.items() if name != "$defs"}
        schema = {"type": "object", "properties": {WRAPPED: {"type": "array", "items": inner}},
                  "required": [WRAPPED], "additionalProperties": False, "$defs": schema.get("$defs", {})}
    return {"type": "json_schema", "json_schema": {"name": "record", "strict": True, "schema": schema}}


def unwrapped(task: Task, reply: str | None) -> str | None:
    """Return a reply without the object that only carries a list. Example: '{"records": []}' -> "[]" """
    if not isinstance(task, RecordTask) or WRAPPED in task.fields or WRAPPED not in (reply or ""):
        return reply
    try:
        found = json.loads(reply)
    except (ValueError, RecursionError):
        return reply
    inside = isinstance(found, dict) and list(found) == [WRAPPED]
    return json.dumps(found[WRAPPED], ensure_ascii=False) if inside else reply


# ---------------------------------------------------------------- questions and texts

def _question_forms(task: Task, instruction: str) -> dict[str, list[Form]]:
    def answer(example: Example) -> str:
        return "I don't know." if example.expected is None else str(example.expected)
    return {"prompt": [Form("the question alone", _before(instruction, ANSWER), answer, _limit(task, answer, 48))],
            "schema": []}


def _text_forms(task: Task, instruction: str) -> dict[str, list[Form]]:
    def answer(example: Example) -> str:
        return str(example.expected)
    return {"prompt": [Form("the instruction alone", instruction or REPLY, answer, _limit(task, answer, 48))],
            "schema": []}
