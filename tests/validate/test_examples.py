"""An example is taken apart into what the model is given and what it is to answer."""
from __future__ import annotations

from helpers.validate import check
from helpers.validate.examples import digest, estimate, example_of, strings, text_of, tokens_of
from tests.validate.files import CALL, IMAGE, SYSTEM, TOOL, WEATHER, found, good, row, says, user, written


def test_an_example_is_its_setting_its_input_and_its_output():
    example = example_of(3, row(SYSTEM, user("Hi"), says("Hello."), user("Well?"), says("Bye.")))
    assert (example.line, example.system) == (3, "Be brief.")
    assert (example.input, example.output) == ("Hi\nHello.\nWell?", "Bye.")
    bare = example_of(4, row(user("Hi"), says("Hello."), user("Well?"), says("Bye.")))
    assert bare.input == example.input and bare.given != example.given and bare.setting != example.setting


def test_a_call_is_read_as_text():
    message = says("One moment.", tool_calls=[CALL])
    assert text_of(message) == 'One moment.\nweather({"city": "Oslo"})'
    assert example_of(1, row(WEATHER, message, tools=[TOOL])).calls


def test_tokens_are_those_of_messages_and_tools():
    example = row(user("Hi there you"), says("Hello."))
    assert tokens_of(example, estimate) == (3 + 4) + (2 + 4)
    assert tokens_of(example | {"tools": [TOOL]}, len) > tokens_of(example, len) + 50
    assert tokens_of(row(user([IMAGE]), says("A cat.")), len) == 4 + (6 + 4)


def test_equal_values_have_equal_digests_and_all_texts_are_found():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1}) != digest({"a": 1})
    assert sorted(strings({"a": ["x", {"b": "y"}], "c": "data:image/png;base64,AAAA", "d": 5})) == ["x", "y"]


# ---------------------------------------------------------------- examples side by side

def test_examples_alike_but_for_the_setting_are_no_repeats(tmp_path):
    text = user("The parcel came late and the lamp in it was broken. What can I do about it?")
    def task(instruction: str, *more: dict) -> dict:
        return row({"role": "system", "content": instruction}, *more, says("Yes."))
    def picture(link: str) -> dict:
        return {"type": "image_url", "image_url": {"url": link}}
    pictures = [row(user([{"type": "text", "text": text["content"]}, picture(f"https://example.org/{n}.png")]),
                    says("Yes.")) for n in (1, 2)]
    rows = [*pictures, task("Translate to German.", text), task("Summarize in a word.", text)]
    report = check(written(tmp_path, rows + [good(number) for number in range(12)]))
    assert not {kind for _, kind in found(report)} & {"duplicate", "near duplicate", "contradiction"}
