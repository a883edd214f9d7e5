"""What a model makes of tasks it has not been trained on, and whether it reads its prompt at all.

Every measure is a list of questions: messages, perhaps a schema, and what counts as right. The same questions go to the
raw and to the tuned model; two runs are compared pairwise, item by item.

    questions = MEASURES["described labels, schema"](tasks, nearest)
    questions[0].right('{"label": "attic"}')

Does not: render for training. The prompts here are plain and fixed, each measure with its own.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from helpers.instructions.collection import Nearest, SmallTask
from helpers.prompts import choice_schema, from_passages
from helpers.settings import ROOT
from helpers.tasks import bare_label

DECLINED = "Not in the passage."
FRESH_CODES = ("q7", "zeta", "31", "mango", "fjord", "58", "kazoo", "m4", "jigsaw", "44", "walrus", "t9")
GENERAL = ROOT / "data" / "general" / "questions.jsonl"
HELD = 10       # a task's first ten items serve as examples
ASKED = 6       # and the next six are asked about, in every measure the same; of the ten wordings,
ASKED_IN_WORDINGS = 3       # three
ASKED_OF_PAGES = 10         # questions with an answer, of each task with pages; all that have none


@dataclass(frozen=True)
class Question:
    """One thing asked of a model, and how its answer is judged."""

    id: str
    messages: list[dict]
    expected: str | dict
    key: str = ""               # the JSON field a label comes in, when a schema is used
    allowed: tuple[str, ...] = ()
    as_json: bool = False       # JSON is asked for in words, without a schema
    loose: bool = False         # right if the expected words are in the answer

    @property
    def schema(self) -> dict | None:
        """Return the `response_format` of the question, None when the answer is free."""
        return choice_schema(self.key, list(self.allowed)) if self.key else None

    def valid(self, reply: str) -> bool:
        """Say whether a program could use the reply."""
        if self.as_json:
            found = _object(reply)
            return found is not None and set(found) == set(self.expected)
        return not self.allowed or self._label(reply) in {label.lower() for label in self.allowed}

    def right(self, reply: str) -> bool:
        """Say whether the reply is the expected answer."""
        if self.as_json:
            return _object(reply) == self.expected
        if self.loose:
            return _words(self.expected) in _words(reply)
        return self._label(reply) == self.expected.lower()

    def _label(self, reply: str) -> str:
        found = _object(reply)
        return bare_label(str(found.get(self.key, "")) if found and self.key else reply)


def _object(reply: str) -> dict | None:
    try:
        found = json.loads(reply)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _words(text: str) -> str:
    return f" {' '.join(''.join(c if c.isalnum() else ' ' for c in text.lower()).split())} "


# ---------------------------------------------------------------- messages

def _user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def _turns(system: str, *texts: str) -> list[dict]:
    return [{"role": "system", "content": system}, *(turn for text in texts for turn in _user(text))]


def _told(task: SmallTask) -> str:
    return "\n".join(f"- {label}: {told}" for label, told in task.labels.items())


def _names(task: SmallTask) -> str:
    return ", ".join(task.labels)


def _id(task: SmallTask, item: dict) -> str:
    return f"{task.name}/{task.items.index(item)}"


# ---------------------------------------------------------------- labels

def _label_items(tasks: list[SmallTask], asked: int = ASKED) -> list[tuple[SmallTask, dict]]:
    return [(task, item) for task in tasks if task.labelled for item in task.items[HELD:HELD + asked]]


def _system(task: SmallTask, names: dict[str, str], described: bool = True) -> str:
    listed = "\n".join(f"- {names[label]}: {told}" for label, told in task.labels.items()) if described \
        else ", ".join(names.values())
    return f"{task.asks[0]}\nThe labels are:\n{listed}\nAnswer with one label and nothing else."


def _asked(task: SmallTask, item: dict, shown: list[dict], names: dict[str, str], described: bool = True) -> Question:
    """Ask about an item after a system prompt with the labels, with examples as turns, under a schema."""
    turns = [message for one in shown for message in (
        {"role": "user", "content": one["text"]},
        {"role": "assistant", "content": json.dumps({"label": names[one["answer"]]}, ensure_ascii=False)})]
    messages = [*_turns(_system(task, names, described)), *turns, *_user(item["text"])]
    return Question(_id(task, item), messages, names[item["answer"]], "label", tuple(names.values()))


def _own(task: SmallTask) -> dict[str, str]:
    return {label: label for label in task.labels}


def bare(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """The label names alone, in plain words, no schema."""
    return [Question(_id(task, item), _user(
        f"{task.asks[0]} Choose one of: {_names(task)}.\nAnswer with one label and nothing else.\n\n"
        f"{task.noun.capitalize()}: {item['text']}"), item["answer"], allowed=tuple(task.labels))
        for task, item in _label_items(tasks)]


def described(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Each label with its description, under a schema."""
    return [_asked(task, item, [], _own(task)) for task, item in _label_items(tasks)]


def names_only(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """The label names alone, under a schema: what the descriptions add is the difference."""
    return [_asked(task, item, [], _own(task), described=False) for task, item in _label_items(tasks)]


def fixed_examples(count: int) -> Callable[[list[SmallTask], Nearest], list[Question]]:
    """The same `count` examples before every question of a task, which are not asked about."""
    def questions(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
        return [_asked(task, item, task.items[:count], _own(task)) for task, item in _label_items(tasks)]
    return questions


def nearest_examples(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """The five other items most like the question, the most like it last."""
    return [_asked(task, item, nearest(task, item)[:5][::-1], _own(task)) for task, item in _label_items(tasks)]


def renamed(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Codes instead of names: only the descriptions tell."""
    return [_asked(task, item, [], dict(zip(task.labels, FRESH_CODES, strict=False)))
            for task, item in _label_items(tasks)]


def swapped(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Ten examples in which every label stands for the next one, and no description: the examples must be believed."""
    return [_asked(task, item, task.items[:HELD], _turned(task), described=False) for task, item in _label_items(tasks)]


def _turned(task: SmallTask) -> dict[str, str]:
    labels = list(task.labels)
    return dict(zip(labels, labels[1:] + labels[:1], strict=True))


def label_as_json(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """JSON asked for in words, without a schema."""
    def system(task: SmallTask) -> str:
        return f"{task.asks[0]}\nThe labels are:\n{_told(task)}\nAnswer as JSON: {{\"category\": \"...\"}}"
    return [Question(_id(task, item), _turns(system(task), item["text"]), {"category": item["answer"]}, as_json=True)
            for task, item in _label_items(tasks)]


# ---------------------------------------------------------------- ten wordings

def wording(write: Callable[[SmallTask, str], list[dict]]) -> Callable[[list[SmallTask], Nearest], list[Question]]:
    """Ask about some items of each task in one wording; every wording lists the labels, and has the same schema."""
    def questions(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
        return [Question(_id(task, item), write(task, item["text"]), item["answer"], "label", tuple(task.labels))
                for task, item in _label_items(tasks, ASKED_IN_WORDINGS)]
    return questions


def _described(task: SmallTask, last: str = "Answer with one label.") -> str:
    return f"{task.asks[0]}\nThe labels are:\n{_told(task)}\n{last}".strip()


RULES = "Rules:\n1. Read the whole text.\n2. Compare it with each description.\n3. Answer with one label."
WORDINGS: dict[str, Callable[[SmallTask, str], list[dict]]] = {
    "text, then names": lambda task, text: _user(f"{text}\n\n{_names(task)}?"),
    "names, then text": lambda task, text: _user(f"Labels: {_names(task)}\n\n{text}"),
    "request and names": lambda task, text: _user(f"{task.asks[0]} Choose one of: {_names(task)}.\n\n{text}"),
    "a role, request and names": lambda task, text: _turns(
        f"You are an expert who sorts texts with great care. {task.asks[0]} Choose one of: {_names(task)}.", text),
    "names as a list, delimiters": lambda task, text: _user(
        "\n- ".join([f"{task.asks[0]}\n\nLabels:", *task.labels]) + f'\n\n"""\n{text}\n"""'),
    "described, in the user's turn": lambda task, text: _user(f"{_described(task)}\n\n{task.noun}: {text}"),
    "described, after the text": lambda task, text: _user(f"{text}\n\n{_described(task)}"),
    "described, in the system prompt": lambda task, text: _turns(_described(task), text),
    "described, with rules": lambda task, text: _turns(_described(task, RULES), text),
    "described, step by step": lambda task, text: _turns(
        _described(task, "Let us think step by step, then answer."), text)}


# ---------------------------------------------------------------- facts, passages

def fields_as_json(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Several fields as JSON, asked for in words."""
    return [Question(_id(task, item), _turns(_form(task), item["text"]), item["answer"], as_json=True)
            for task in tasks if task.kind == "fields" for item in task.items]


def _form(task: SmallTask) -> str:
    listed = "\n".join(f"- {name}: {told}" for name, told in task.fields.items())
    return f"{task.asks[0]}\nReturn a JSON object with these keys:\n{listed}\nUse null where the text does not say."


def _from_pages(task: SmallTask, item: dict, shown: list[str], expected: str) -> Question:
    messages = from_passages(item["question"], [task.passages[name] for name in shown])
    return Question(_id(task, item), messages, expected, loose=True)


def _asked_of_pages(tasks: list[SmallTask]) -> list[tuple[SmallTask, dict]]:
    return [(task, item) for task in tasks if task.kind == "passage"
            for item in [*task.answerable()[:ASKED_OF_PAGES], *(item for item in task.items if not item["answer"])]]


def one_passage(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """The right passage, and the question it answers."""
    return [_from_pages(task, item, [item["passage"]], item["answer"])
            for task, item in _asked_of_pages(tasks) if item["answer"]]


def four_passages(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Four passages, one of which answers."""
    return [_from_pages(task, item, list(task.passages), item["answer"])
            for task, item in _asked_of_pages(tasks) if item["answer"]]


def against_belief(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """The passage says something else than one would guess."""
    return [_from_pages(task, item, [item["passage"]], item["answer"])
            for task, item in _asked_of_pages(tasks) if "belief" in item]


def declined(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Questions that the passage does not answer: right is to say so."""
    return [_from_pages(task, item, [item["passage"]], DECLINED)
            for task, item in _asked_of_pages(tasks) if not item["answer"]]


def choose_passage(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Six passages: which of them holds the answer? A kind of task that training never shows."""
    def system(task: SmallTask) -> str:
        pages = "\n\n".join(f"Passage {number}: {text}" for number, text in enumerate(task.passages.values(), 1))
        return f"{task.asks[0]} Answer with its number only.\n\n{pages}"
    return [Question(_id(task, item), _turns(system(task), item["question"]),
                     str(1 + list(task.passages).index(item["passage"])), "passage", tuple("123456"))
            for task in tasks if task.kind == "choose" for item in task.items]


def general(tasks: list[SmallTask], nearest: Nearest) -> list[Question]:
    """Easy questions of general knowledge and sense, four choices each: what training must not spoil."""
    rows = map(json.loads, GENERAL.read_text(encoding="utf-8").splitlines())
    return [Question(row["id"], _user(f"{row['question']}\nChoose one of: {' / '.join(row['choices'])}"), row["answer"],
                     "answer", tuple(row["choices"])) for row in rows]


MEASURES: dict[str, Callable[[list[SmallTask], Nearest], list[Question]]] = {
    "bare question": bare, "label names, schema": names_only, "described labels, schema": described,
    "5 fixed examples": fixed_examples(5), "10 fixed examples": fixed_examples(10),
    "5 nearest examples": nearest_examples,
    "renamed labels": renamed, "swapped labels in 10 examples": swapped,
    "a label as JSON, in words": label_as_json, "fields as JSON, in words": fields_as_json,
    "one passage": one_passage, "four passages": four_passages, "passage against belief": against_belief,
    "not in the passage": declined, "which passage (unseen kind)": choose_passage,
    "general questions": general}
MEASURES |= {f"wording: {name}": wording(write) for name, write in WORDINGS.items()}
