"""What the exercises of notebook 01 say to wrong answers, and that other answers than the shown ones are right."""
from __future__ import annotations

from types import SimpleNamespace

from helpers import load_task
from tests.exercises.marking import praise, refusal, run_of, spending, telling

TASK = load_task("tickets")
NAMING = f"Choose one of {', '.join(TASK.labels)}."
STEPS = {"+ role": SimpleNamespace(interval=(-0.04, 0.02)), "+ descriptions": SimpleNamespace(interval=(0.05, 0.19)),
         "+ rules": SimpleNamespace(interval=(-0.12, -0.01))}
VERDICTS = {"+ role": "cannot tell", "+ descriptions": "better", "+ rules": "worse"}


def confused(said: list[str], **more) -> object:
    return run_of([one == "billing" for one in said], said=said, **more)


# twice returns, once other; and replies that are no label are no confusion
MIXED = confused(["returns", "Returns.", "other", "billing", "hm", "hm", "hm"], valid=[True] * 4 + [False] * 3)
# the same said in JSON, as under a schema
IN_JSON = confused(['{"category": "returns"}', '{"category":"returns"}', '{"category": "other"}'])


def commonest(run) -> tuple[str, str]:
    wrong = run.rows[run.rows.valid & ~run.rows.right]
    return "billing", wrong.reply.map(lambda reply: TASK.read(reply)["category"]).value_counts().idxmax()


def commonest_as_it_came(run) -> tuple[str, str]:
    return "billing", run.rows[run.rows.valid & ~run.rows.right].reply.value_counts().idxmax()


def knowing(share: float):
    """A formulation that is right on a share of the tickets, without a model."""
    place = {one.id: i for i, one in enumerate(TASK.validation)}
    return lambda one: one.expected["category"] if place[one.id] < share * len(place) else "nonsense"


def on_validation(share: float, name: str = "+ format") -> object:
    run = run_of([i < share * 150 for i in range(150)], name=name)
    run.rows["id"] = [one.id for one in TASK.validation]
    return run


def asking_of_some(example) -> str:
    """Right on nearly all tickets, and a model is asked where the label is other."""
    answer = knowing(0.9)
    return (spending(answer) if example.expected["category"] == "other" else answer)(example)


FORMAT = on_validation(0.3)

WRONG = {
    "01.1": {
        "a function": ((len, len), "a prompt is a text"),
        "names no label": (("What is this message about?", lambda _: "delivery"), "does not name delivery, returns"),
        "forgets one": ((NAMING.replace("other", "rest"), lambda _: "delivery"), "does not name other"),
        "says nothing of the form": ((NAMING, lambda _: "It is about delivery, I think."),
                                     "0 of 20 replies are a label and nothing else, 15 are asked for"),
    },
    "01.2": {
        "a list": ((["better"], STEPS), "give a dict"),
        "one is missing": (({"+ role": "cannot tell"}, STEPS), "say something on each step"),
        "a word of one's own": ((VERDICTS | {"+ role": "same"}, STEPS), "'same' is no verdict"),
        "by the sign alone": ((VERDICTS | {"+ role": "worse"}, STEPS),
                              "between -4.0 and +2.0 points: 0 lies in it, so it may be nothing"),
        "what is sure is doubted": ((dict.fromkeys(STEPS, "cannot tell"), STEPS), "all of that is above 0"),
    },
    "01.3": {
        "called too early": ((("billing", "returns"), [MIXED]), "without calling it"),
        "one label": ((lambda run: "returns", [MIXED]), "Let it return a pair"),
        "counts what is right": ((lambda run: ("billing", "billing"), [MIXED]), "Count the wrong answers"),
        "the wrong way round": ((lambda run: commonest(run)[::-1], [MIXED]), "the wrong way round"),
        "counts what is no label": ((lambda run: ("billing", "hm"), [MIXED]), "which happened 0 times"),
        "not the commonest": ((lambda run: ("billing", "other"), [MIXED]), "another pair happened 2 times"),
        "not the commonest, in JSON": ((lambda run: ("billing", "other"), [IN_JSON]), "another pair happened 2 times"),
        "JSON as it came": ((commonest_as_it_came, [IN_JSON]), "Return the label in it, 'returns'"),
        "a label as it came": ((lambda run: ("billing", "Returns."), [MIXED]), "Return the label in it, 'returns'"),
        "no text at all": ((lambda run: ("billing", 2), [MIXED]), "which happened 0 times"),
    },
    "01.4": {
        "a text": (("Sort.", FORMAT, {}), "give a formulation"),
        "no model": ((knowing(0.9), FORMAT, {}), "on 150 of 150 tickets no model wrote anything"),
        "a regression on embeddings": ((spending(knowing(0.9), completion=0), FORMAT, {}),
                                       "on 150 of 150 tickets no model wrote anything"),
        "a model for some tickets only": ((asking_of_some, FORMAT, {}), "tickets no model wrote anything"),
        "an error in it": ((lambda example: example.text, FORMAT, {}), "150 of 150 tickets got no answer"),
        "no better": ((spending(knowing(0.31)), FORMAT, {}), "does not lie above 0"),
        "worse": ((spending(knowing(0.1)), FORMAT, {}), "does not lie above 0"),
    },
}
test_what_a_wrong_answer_is_told = telling(WRONG)


def test_a_prompt_is_right_when_three_quarters_of_the_replies_are_labels():
    assert "20 of 20 replies are a label" in praise("01.1", NAMING, lambda _: "delivery")


def test_the_model_is_given_the_prompt_and_the_ticket():
    asked = []
    praise("01.1", NAMING, lambda messages: asked.append(messages) or "delivery")
    assert [turn["role"] for turn in asked[0]] == ["system", "user"] and asked[0][0]["content"] == NAMING


def test_verdicts_are_read_from_the_intervals():
    assert "of 3 steps, 2 can be told from chance" in praise("01.2", VERDICTS, STEPS)


def test_the_commonest_mistake_is_found_in_every_run():
    tie = confused(["returns", "other", "billing"])
    assert "2 runs" in praise("01.3", commonest, [MIXED, tie])
    assert "2 runs" in praise("01.3", lambda run: ("billing", "returns"), [MIXED, tie])
    assert "returned" in refusal("01.3", lambda run: ("billing", "returns"), [MIXED, confused(["other"])])


def test_the_label_is_read_out_of_a_reply_in_json():
    assert "2 runs" in praise("01.3", commonest, [MIXED, IN_JSON])
    assert "2 runs" in praise("01.3", lambda run: ("billing", "returns"), [MIXED, IN_JSON])


def test_a_formulation_is_right_when_its_whole_interval_is_above_the_bare_list():
    assert "75 of 150 right, +20.0 points" in praise("01.4", spending(knowing(0.5)), FORMAT, {})


def test_one_of_the_twelve_is_recognized():
    mine = spending(knowing(0.5), prompt=100)
    known = on_validation(0.5, name="descriptions")
    known.rows["reply"] = [knowing(0.5)(one) for one in TASK.validation]
    assert "that is 'descriptions' again" in refusal("01.4", mine, FORMAT, {"descriptions": known})
