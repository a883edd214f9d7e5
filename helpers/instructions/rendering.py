"""Turn small tasks into prompts, many different ones from the same item.

What a model should learn here is to read the prompt, not the task. So everything that a prompt can vary is varied:
the wording, where the instruction stands, the order and the names of the labels, with descriptions or without, the
layout of lists and texts, the format asked for, and 0 to 12 examples, given as turns or inside the instruction.

    conversations = render(task, random.Random(0))
    conversations[0].messages, conversations[0].learned

Does not: choose tasks or count tokens (see training.py).
"""
from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from helpers.instructions.collection import FOLDER, Nearest, SmallTask, choices
from helpers.local.training import Conversation

MOST_EXAMPLES, MOST_ASKED = 12, 16
PHRASES = json.loads((FOLDER / "phrases.json").read_text(encoding="utf-8"))     # what a prompt may be worded with


@dataclass(frozen=True)
class Lesson:
    """How hard the prompts of a stretch of training are: shares of the prompts, from 0 to 1."""

    own_names: float        # labels go by their own names; the rest by codes, or each by another's name
    codes: float
    described: float        # of the prompts with own names: what the labels mean is told as well
    examples: float         # examples are shown
    answered: int = 2       # questions on a page that find an answer, for each that finds none
    fresh_keys: float = 0.0     # JSON keys are words drawn at random, which can only be copied from the prompt


PLAIN = Lesson(own_names=1.0, codes=0.0, described=0.5, examples=0.2)
NAMED = Lesson(own_names=1.0, codes=0.0, described=0.6, examples=0.5)
MIXED = Lesson(own_names=0.86, codes=0.1, described=0.6, examples=0.5)
NAMED_AGAIN, MIXED_AGAIN = replace(NAMED, answered=4), replace(MIXED, answered=4)    # of two, it declined too much
COPIED = replace(MIXED, answered=8, fresh_keys=0.6)     # 150 field names it knew by heart; `hectares` became `hasses`


@dataclass(frozen=True)
class Frame:
    """A prompt before it is laid out: what to do, examples, and questions that are asked apart from one another."""

    instruction: str
    asked: list[tuple[str, str]]        # (what the user gives, what the answer is)
    shown: list[tuple[str, str]] = field(default_factory=list)
    telling: bool = True                # the instruction alone tells the answers, those of the examples too


def render(task: SmallTask, random: Random, lesson: Lesson = MIXED,
           nearest: Nearest | None = None) -> list[Conversation]:
    """Return one prompt of the task, drawn at random, with several questions: conversations that begin alike.

    `nearest` orders a task's other items by likeness to one.
    Example: render(task, Random(0))[0].messages[-1] -> {"role": "assistant", "content": "grill"}
    """
    kind = "label" if task.kind in ("label", "yes_no", "tone") else task.kind
    return lay_out(FRAMES[kind](task, random, lesson, nearest), random)


# ---------------------------------------------------------------- how a prompt is laid out

def lay_out(frame: Frame, random: Random) -> list[Conversation]:
    """Place instruction, examples and questions as messages, the same way for every question."""
    if frame.shown and random.random() < 0.3:
        frame = _examples_inside(frame, random)
    role, in_system = random.choice(PHRASES["role"]), random.random() < 0.6
    instruction = f"{role} {frame.instruction}".strip()
    head = [{"role": "system", "content": instruction}] if in_system else []
    if not in_system and role and random.random() < 0.5:
        head, instruction = [{"role": "system", "content": role}], frame.instruction
    after = not in_system and random.random() < 0.15
    conversations = []
    for question in frame.asked[:2] if after else frame.asked:      # what differs first, nothing after it is shared
        pairs = [*frame.shown, question]
        if not in_system:       # the instruction stands in the first thing the user says
            given, answer = pairs[0]
            pairs[0] = (f"{given}\n\n{instruction}" if after else f"{instruction}\n\n{given}", answer)
        messages = head + [message for given, answer in pairs for message in (
            {"role": "user", "content": given}, {"role": "assistant", "content": answer})]
        conversations.append(Conversation(messages, _learned(messages, frame.telling and not conversations)))
    return conversations


def _learned(messages: list[dict], all_answers: bool) -> list[int]:
    """Return the positions of the answers to learn: the last, or all of them."""
    answers = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
    return answers if all_answers else answers[-1:]


def _examples_inside(frame: Frame, random: Random) -> Frame:
    """Write the examples into the instruction."""
    mark = random.choice(PHRASES["answer mark"])
    shown = [f"{given}\n{mark} {answer}" for given, answer in frame.shown]
    heading = random.choice(PHRASES["examples"])
    return Frame(f"{frame.instruction}\n\n{heading}\n\n" + "\n\n".join(shown), frame.asked)


def _text_form(task: SmallTask, random: Random) -> Callable[[dict], str]:
    form = random.choice(PHRASES["text"])
    return lambda item: form.format(text=item["text"], noun=task.noun.replace(" ", "_"), Noun=task.noun.capitalize())


def _drawn(items: list[dict], random: Random, lesson: Lesson, most_asked: int,
           most_shown: int) -> tuple[list[dict], list[dict]]:
    """Return items to show as examples, if any, and others to ask about."""
    mixed = random.sample(items, len(items))
    shown = random.randint(1, min(most_shown, len(items) - 2)) if random.random() < lesson.examples else 0
    return mixed[:shown], mixed[shown:shown + most_asked]


# ---------------------------------------------------------------- labels

@dataclass(frozen=True)
class Naming:
    """The names a prompt uses for a task's labels, and what it tells about them."""

    names: dict[str, str]       # the task's own label -> the name in this prompt
    described: bool
    telling: bool               # the prompt tells the answer without examples


def _naming(task: SmallTask, labels: list[str], random: Random, lesson: Lesson) -> Naming:
    """Draw names: mostly the task's own, sometimes neutral codes, sometimes each label under another one's name."""
    draw = random.random()
    if draw < lesson.own_names:
        spell = random.choice([str, str, str, str, str.upper, str.capitalize])
        described = task.opaque or random.random() < lesson.described
        return Naming({label: spell(label) for label in labels}, described, True)
    if draw < lesson.own_names + lesson.codes:
        names = random.sample(random.choice(PHRASES["label codes"]).split(), len(labels))
    else:
        names = labels[1:] + labels[:1]
    described = random.random() < 0.75
    return Naming(dict(zip(labels, names, strict=True)), described, described)


def _listed(task: SmallTask, naming: Naming, random: Random) -> str:
    """Write the list of labels, described or bare, in a random order and layout."""
    labels = random.sample(list(naming.names), len(naming.names))
    if not naming.described:
        names = [naming.names[label] for label in labels]
        form = random.choice(PHRASES["label names"])
        return form.format(random.choice(PHRASES["between names"]).join(names))
    line, heading = random.choice(PHRASES["label line"]), random.choice(PHRASES["label heading"])
    return "\n".join([heading, *(line.format(naming.names[label], task.labels[label]) for label in labels)])


def _answer_form(random: Random, lesson: Lesson) -> tuple[str, Callable[[str], str]]:
    """Return how an answer is asked for, and how it is written: bare, in upper case, or as JSON under some key."""
    draw = random.random()
    if draw < 0.55:
        return random.choice(PHRASES["bare label"]), str
    if draw < 0.62:
        return random.choice(PHRASES["upper case"]), str.upper
    key = _json_key(random, lesson)
    words = random.choice(PHRASES["JSON label"])
    return words.format(key), lambda name: json.dumps({key: name}, ensure_ascii=False)


def _json_key(random: Random, lesson: Lesson) -> str:
    if lesson.fresh_keys and random.random() < lesson.fresh_keys:
        return fresh_key(random)
    return random.choice(PHRASES["JSON key"])


def fresh_key(random: Random) -> str:
    """Return a JSON key of one to three words drawn at random.

    Example: fresh_key(Random(7)) -> "fruit_silk"
    """
    words = random.sample(PHRASES["key words"].split(), random.choice([1, 2, 2, 3]))
    joined = random.choice(["_", "_", "_", " ", "-"]).join(words)
    return random.choice([str, str, str, str.upper, str.capitalize])(joined)


def label_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask for one label of a list."""
    labels = _some_labels(task, random)
    naming = _naming(task, labels, random, lesson)
    (how, write), form = _answer_form(random, lesson), _text_form(task, random)
    items = [item for item in task.items if item["answer"] in labels]
    shown, asked = _drawn(items, random, lesson, MOST_ASKED, MOST_EXAMPLES)
    if not naming.telling:      # only examples can tell: show each label's
        shown, asked = _one_each(task, labels, shown, asked, random)
    elif shown and nearest and random.random() < 0.35:
        asked = asked[:1]
        shown = [item for item in nearest(task, asked[0]) if item["answer"] in labels][:len(shown)][::-1]

    def pair(item: dict) -> tuple[str, str]:
        return form(item), write(naming.names[item["answer"]])
    return Frame(_ordered([random.choice(task.asks), _listed(task, naming, random), how], random),
                 [pair(item) for item in asked], [pair(item) for item in shown], naming.telling)


def _some_labels(task: SmallTask, random: Random) -> list[str]:
    """Return the task's labels, now and then fewer of them."""
    labels = list(task.labels)
    if len(labels) > 3 and random.random() < 0.3:
        return random.sample(labels, random.randint(3, len(labels)))
    return labels


def _one_each(task: SmallTask, labels: list[str], shown: list[dict], asked: list[dict],
              random: Random) -> tuple[list[dict], list[dict]]:
    """Return examples to show, among them one of every label, and what is left to ask about."""
    firsts = [random.choice([item for item in task.items if item["answer"] == label]) for label in labels]
    more = [item for item in shown if item not in firsts]
    shown = random.sample(firsts, len(firsts)) + more[:MOST_EXAMPLES - len(firsts)]
    left = [item for item in task.items if item not in shown and item["answer"] in labels]
    return shown, [item for item in asked if item not in shown] or left[:3]


def _ordered(parts: list[str], random: Random) -> str:
    """Join the parts of an instruction: the request first or after the list, on lines or in paragraphs."""
    if len(parts) == 3 and random.random() < 0.2:
        parts = [parts[1], parts[0], parts[2]]
    return random.choice(["\n", "\n\n", "\n"]).join(part for part in parts if part)


def reason_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask for a short reason and then the label; half of the time for the label alone."""
    if random.random() < 0.4:
        return label_frame(task, random, lesson, nearest)
    naming = replace(_naming(task, list(task.labels), random, lesson), described=True)
    form, (shown, asked) = _text_form(task, random), _drawn(task.items, random, lesson, 6, 3)
    how, write = random.choice(PHRASES["reason"])

    def pair(item: dict) -> tuple[str, str]:
        return form(item), _reasoned(write, item["reason"], naming.names[item["answer"]])
    return Frame(_ordered([random.choice(task.asks), _listed(task, naming, random), how], random),
                 [pair(item) for item in asked], [pair(item) for item in shown])


def _reasoned(write: str | None, reason: str, label: str) -> str:
    if write is None:
        return json.dumps({"reason": reason, "label": label}, ensure_ascii=False)
    return write.format(reason, label)


# ---------------------------------------------------------------- facts out of a text

def fields_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask for several facts as JSON, or for one of them alone."""
    names = random.sample(list(task.fields), random.randint(min(2, len(task.fields)), len(task.fields)))
    keys = _keys(names, random, lesson)
    line = random.choice(PHRASES["field line"])
    told = "\n".join(line.format(keys[name], task.fields[name]) for name in names)
    if len(names) == 2 and random.random() < 0.4:
        return _one_field(task, names[0], random, lesson)
    how, missing = random.choice(PHRASES["fields"]), random.choice(PHRASES["null fields"])
    form, (shown, asked) = _text_form(task, random), _drawn(task.items, random, lesson, 6, 3)

    def pair(item: dict) -> tuple[str, str]:
        return form(item), json.dumps({keys[name]: item["answer"][name] for name in names}, ensure_ascii=False)
    return Frame(_ordered([random.choice(task.asks), f"{how}\n{told}", missing], random),
                 [pair(item) for item in asked], [pair(item) for item in shown])


def _keys(names: list[str], random: Random, lesson: Lesson) -> dict[str, str]:
    """Return the JSON keys that the fields go by in this prompt: their own names in some spelling, or fresh ones."""
    spell = random.choice([str, str, str.upper, lambda name: name.replace("_", " "), lambda name: f"the_{name}"])
    if lesson.fresh_keys and random.random() < lesson.fresh_keys:
        return {name: fresh_key(random) for name in names}
    return {name: spell(name) for name in names}


def _one_field(task: SmallTask, name: str, random: Random, lesson: Lesson) -> Frame:
    missing, form = random.choice(PHRASES["missing"]), _text_form(task, random)
    told, plain = task.fields[name], name.replace("_", " ")
    how = f"Give only the {plain} ({told}). If the text does not say, answer: {missing}"
    shown, asked = _drawn(task.items, random, lesson, 8, 4)
    values = ", ".join(choices(told))
    if values and random.random() < 0.5:
        how = f"What is the {plain}? Answer with one of {values}, or {missing} if the text does not say."

    def pair(item: dict) -> tuple[str, str]:
        return form(item), missing if item["answer"][name] is None else str(item["answer"][name])
    return Frame(how, [pair(item) for item in asked], [pair(item) for item in shown])


def extract_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask for one piece of the text, letter by letter, and for a set phrase when it is not there."""
    missing, form = random.choice(PHRASES["missing"]), _text_form(task, random)
    key = _json_key(random, lesson)
    as_json = random.random() < 0.3
    how = random.choice(PHRASES["copy"])
    if as_json:
        how = f'Answer as JSON: {{"{key}": "..."}}, with null if it is not there.'
    else:
        how += random.choice(PHRASES["copy or say"]).format(missing)

    def write(answer: str | None) -> str:
        return json.dumps({key: answer}, ensure_ascii=False) if as_json else answer or missing
    shown, asked = _drawn(task.items, random, lesson, 8, 5)

    def pair(item: dict) -> tuple[str, str]:
        return form(item), write(item["answer"])
    return Frame(_ordered([random.choice(task.asks), how], random), [pair(item) for item in asked],
                 [pair(item) for item in shown])


# ---------------------------------------------------------------- answers from passages

def passage_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask questions on one passage or several; about a third of them find no answer there, and are declined."""
    shown = _shown(task, random)
    asked = _questions(task, shown, random, lesson.answered)
    declining = random.choice(PHRASES["declining"])
    how, decline = random.choice(PHRASES["from passage"]), random.choice(PHRASES["decline"]).format(declining)
    pairs = [(question["question"], _found(question, shown, declining)) for question in asked]
    ask, pages = random.choice(task.asks), _pages(task, shown, random)
    if random.random() < 0.4:     # everything in one message, the question after its passage
        return Frame(f"{ask} {how} {decline}", [(f"{pages}\n\nQuestion: {given}", answer) for given, answer in pairs])
    return Frame(f"{ask}\n\n{how} {decline}\n\n{pages}", pairs)


def _shown(task: SmallTask, random: Random) -> list[str]:
    """Return the passages a prompt shows, one half of the time, or up to four."""
    return random.sample(list(task.passages), random.choice([1, 1, 1, 2, 3, 4]))


def _questions(task: SmallTask, shown: list[str], random: Random, answered: int) -> list[dict]:
    """Return questions on the passages shown: all they answer, and for every so many one that finds no answer there."""
    with_answer = [item for item in task.answerable() if item["passage"] in shown]
    others = [item for item in task.items if item["answer"] is None or item["passage"] not in shown]
    asked = random.sample(with_answer, min(8, len(with_answer)))
    return asked + random.sample(others, min(len(others), math.ceil(len(asked) / answered)))


def _found(question: dict, shown: list[str], declining: str) -> str:
    return question["answer"] if question["answer"] and question["passage"] in shown else declining


def _pages(task: SmallTask, shown: list[str], random: Random) -> str:
    form = random.choice(PHRASES["pages"])
    if len(shown) == 1:
        return random.choice(PHRASES["one page"]).format(task.passages[shown[0]])
    return "\n\n".join(form.format(number, task.passages[name]) for number, name in enumerate(shown, 1))


# ---------------------------------------------------------------- a text in a given form

def written_frame(task: SmallTask, random: Random, lesson: Lesson, nearest: Nearest | None = None) -> Frame:
    """Ask for a text that obeys a rule of style or form."""
    form, rule = _text_form(task, random), task.rule or f"Give the answer as {task.form}."
    rule = random.choice(PHRASES["rule"]).format(rule)
    request = _ordered([random.choice(task.asks), rule], random)
    shown, asked = _drawn(task.items, random, lesson, 6, 3)
    return Frame(request, [(form(item), item["answer"]) for item in asked],
                 [(form(item), item["answer"]) for item in shown])


FRAMES: dict[str, Callable[..., Frame]] = {
    "label": label_frame, "reason": reason_frame, "fields": fields_frame, "extract": extract_frame,
    "passage": passage_frame, "rewrite": written_frame, "format": written_frame}
