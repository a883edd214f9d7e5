"""evaluate and compare: every row counted, in order, kept, resumed; two runs compared on the same rows."""
from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest

import helpers
from helpers.evaluation import Run, by_slice, compare, confusions, evaluate, table
from helpers.local import service, weights
from helpers.provider import batches
from helpers.provider.collection import BatchError
from helpers.provider.meter import metered
from helpers.tasks import Example, Score
from tests.batch_provider import BatchProvider
from tests.conftest import Asked, with_weights
from tests.talking import (
    MODEL,
    always,
    answer,
    asking,
    connected,
    examples,
    heard,
    mini_task,
    new_process,
    record_sleeps,
    refusal,
    said_to,
    say,
)

COLUMNS = ["id", "expected", "reply", "valid", "right", "error", "prompt_tokens", "completion_tokens", "cost",
           "seconds"]


def replies(*texts: object):
    """An `ask` that gives example e0 the first text, e1 the second, …; an exception is raised."""
    def ask(example: Example):
        text = texts[int(example.id[1:])]
        if isinstance(text, Exception):
            raise text
        return text
    return ask


# ---------------------------------------------------------------- parts of a run

def tagged(*tags: dict) -> list[Example]:
    return [Example(f"e{i}", "hello", "delivery", tag, mini_task()) for i, tag in enumerate(tags)]


def test_a_slice_counts_each_example_in_every_part_it_belongs_to():
    rows = tagged({"slices": ["short", "angry"]}, {"slices": ["short"]}, {"slices": []}, {})
    found = by_slice(evaluate(replies("delivery", "billing", "billing", "delivery"), rows), rows)
    assert found.to_dict("index") == {
        "short": {"n": 2, "right": 1, "accuracy": "50%", "95% interval": "9% to 91%"},
        "angry": {"n": 1, "right": 1, "accuracy": "100%", "95% interval": "21% to 100%"}}


def test_a_slice_by_a_tag_of_one_value_and_a_tag_that_nobody_has():
    rows = tagged({"channel": "email"}, {"channel": "chat"})
    run = evaluate(replies("delivery", "billing"), rows)
    assert list(by_slice(run, rows, "channel").index) == ["chat", "email"]
    with pytest.raises(ValueError, match=r"No example has the tag 'mood'\. They have: channel"):
        by_slice(run, rows, "mood")


def test_confusions_count_labels_and_what_is_no_label():
    run = evaluate(replies("delivery", '{"category": "billing"}', "no idea"), examples(3))
    counts = confusions(run, mini_task())
    assert list(counts.columns) == [*mini_task().labels, "(none)"]
    assert counts.to_numpy().sum() == 3 and counts["(none)"].sum() == 1
    assert "(none)" not in confusions(evaluate(replies("delivery"), examples(1)), mini_task())


def test_a_failed_row_and_a_label_that_is_none_are_counted_as_no_label():
    run = evaluate(replies("delivery", ValueError("no"), '{"category": ["delivery"]}'), examples(3))
    counts = confusions(run, mini_task())
    assert counts.loc["delivery"].to_dict() == {"delivery": 1, "billing": 0, "(none)": 2}


def test_false_is_a_part_too_and_examples_must_be_those_of_the_run():
    rows = tagged({"any": True}, {"any": False})
    run = evaluate(replies("delivery", "billing"), rows)
    assert list(by_slice(run, rows, "any").index) == [False, True]
    with pytest.raises(ValueError, match="has no row for 'e2' and 0 others"):
        by_slice(run, [*rows, *tagged({}, {}, {})[2:]], "any")


# ---------------------------------------------------------------- a run

def test_a_run_has_the_pinned_columns_a_score_and_an_interval():
    run = evaluate(replies("delivery", "billing", "no idea", "Delivery."), examples(4), name="four")
    assert list(run.rows.columns) == COLUMNS
    assert (run.right, run.total, run.accuracy, run.valid_rate, run.failed) == (2, 4, 0.5, 0.75, 0)
    assert run.interval == pytest.approx((0.150, 0.850), abs=0.0005)
    assert repr(run) == "four: 2 of 4 right (50%, 95% interval 15% to 85%), 75% valid"


def test_the_order_of_rows_is_the_order_of_examples_though_the_last_is_done_first():
    done: list[str] = []
    gates = [threading.Event() for _ in range(10)]

    def ask(example: Example) -> str:
        number = int(example.id[1:])
        if 0 < number < 9:
            gates[number + 1].wait(60)
        done.append(example.id)
        gates[number].set()
        return example.id

    run = evaluate(ask, examples(10), workers=9)
    assert done == ["e0", *(f"e{i}" for i in range(9, 0, -1))]
    assert run.rows.id.to_list() == run.rows.reply.to_list() == [f"e{i}" for i in range(10)]


def test_calls_really_run_side_by_side(loopback, monkeypatch):
    together, alone = threading.Barrier(16, timeout=60), threading.Lock()
    alone.acquire()

    def handler(method, path, headers, body):
        if said_to(body) != "message 0":        # the first row is asked alone
            together.wait()                     # breaks unless sixteen are in flight at once
        return answer()

    run = evaluate(asking(connected(monkeypatch, loopback(handler))), examples(33), workers=16)
    assert run.right == 33


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (3, 3)])
def test_no_more_than_the_workers_asked_for_are_busy(workers, most):
    busy, peak, turn = [], [], threading.Lock()

    def ask(example: Example) -> str:
        with turn:
            busy.append(example)
            peak.append(len(busy))
        time.sleep(0.002)
        with turn:
            busy.remove(example)
        return "delivery"

    evaluate(ask, examples(20), workers=workers)
    assert max(peak) == most


def test_a_failed_row_is_never_dropped_and_is_shown():
    texts = ["delivery"] * 300
    texts[7], texts[250] = RuntimeError("the tea is cold"), ValueError("so is the coffee")
    run = evaluate(replies(*texts), examples(300), name="brew")
    assert repr(run) == "brew: 298 of 300 right (99%, 95% interval 98% to 100%), 99% valid, scored 298 of 300"
    assert (run.failed, run.total, run.accuracy) == (2, 300, 298 / 300)
    assert run.rows.error[7] == "RuntimeError: the tea is cold"
    assert table([run]).failed.to_list() == [2]


@pytest.mark.parametrize("reply", [None, "", {}])
def test_an_empty_reply_is_a_failed_row(reply):
    run = evaluate(replies("delivery", reply), examples(2))
    assert (run.failed, run.right, run.rows.error[1]) == (1, 1, "empty reply")


def test_a_run_in_which_everything_failed_is_still_a_run():
    run = evaluate(replies(*[KeyError("x")] * 3), examples(3), name="none")
    assert (run.right, run.failed, run.valid_rate) == (0, 3, 0.0)
    assert "scored 0 of 3" in repr(run) and len(run.fields) == 3
    assert "0 of 3" in run._repr_html_()


def test_dict_replies_are_scored_field_by_field():
    task = mini_task()
    example = Example("e0", "text", {"category": "billing", "priority": "low"}, {}, task)
    run = evaluate(lambda example: {"category": "billing", "priority": "high"}, [example])
    assert run.right == 1 and run.rows.reply[0] == {"category": "billing", "priority": "high"}
    assert run.fields.loc["e0"].to_dict() == {"category": True, "priority": False}


def test_a_score_of_ones_own_takes_the_place_of_the_tasks():
    strangers = [Example(f"e{i}", "text", "42") for i in range(3)]
    run = evaluate(lambda example: "it is 42", strangers,
                   score=lambda example, reply: Score(True, example.expected in reply))
    assert run.right == 3


def test_examples_of_no_task_need_a_score():
    with pytest.raises(ValueError, match=r"'x' belongs to no task.*score="):
        evaluate(lambda example: "a", [Example("x", "text", "a")])


def test_no_examples_is_an_error():
    with pytest.raises(ValueError, match="no examples to evaluate on"):
        evaluate(lambda example: "a", [])


def test_a_run_is_named_by_its_function_unless_named():
    def five_words(example: Example) -> str:
        return "delivery"
    assert evaluate(five_words, examples(1)).name == "five_words"
    assert evaluate(five_words, examples(1), name="mine").name == "mine"


def test_tokens_cost_and_seconds_come_from_the_calls_inside(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(prompt=100, completion=10))), COURSE_PRICE="1,10")

    def ask_twice(example: Example) -> str | None:
        say(client, f"think about {example.input}")
        return say(client, example.input)

    run = evaluate(ask_twice, examples(3))
    assert run.rows.prompt_tokens.to_list() == [200] * 3 and run.rows.completion_tokens.to_list() == [20] * 3
    assert run.rows.cost.to_list() == pytest.approx([4e-4] * 3)
    assert (run.rows.seconds > 0).all()


def test_a_replayed_run_shows_the_latency_it_had_live(loopback, monkeypatch):
    def slow(*_):
        time.sleep(0.05)
        return answer()
    live = evaluate(asking(connected(monkeypatch, loopback(slow))), examples(3))
    again = evaluate(asking(new_process(monkeypatch)), examples(3))
    assert again.rows.seconds.to_list() == pytest.approx(live.rows.seconds.to_list(), abs=0.001)
    assert (again.rows.drop(columns="seconds") == live.rows.drop(columns="seconds")).all(axis=None)


def test_calls_outside_a_run_are_not_counted_to_it(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())))
    with metered() as calls:
        evaluate(asking(client), examples(3))
        say(client, "aside")
    assert len(calls) == 1


@pytest.mark.parametrize("repeats", [(0, 1, 2), (0, 0, 0)])
def test_each_repeat_is_asked_anew_and_the_same_one_never_twice(loopback, monkeypatch, repeats):
    client = connected(monkeypatch, loopback(always(answer())))
    for repeat in repeats * 2:
        evaluate(asking(client), examples(4), repeat=repeat)
    assert loopback.count == 4 * len(set(repeats))


# ---------------------------------------------------------------- in batches (what can go wrong: provider/test_batches)

def test_rows_that_wait_for_nothing_need_no_batch(tmp_path):
    run = evaluate(replies("delivery", ValueError("no"), "billing"), examples(3), batch=tmp_path / "batch")
    assert (run.right, run.failed) == (1, 1) and not (tmp_path / "batch").exists()


def test_rows_keep_the_order_of_the_examples_whatever_round_they_are_done_in(loopback, monkeypatch, tmp_path):
    client = connected(monkeypatch, loopback(BatchProvider(lambda body: answer(body["messages"][-1]["content"]))))

    def ask(example: Example) -> str | None:
        turns = int(example.id[1:]) % 3
        return [say(client, f"{example.input}, turn {turn}") for turn in range(turns)][-1] if turns else "at once"

    run = evaluate(ask, examples(6), batch=tmp_path / "batch")
    assert run.rows.id.to_list() == [f"e{i}" for i in range(6)]
    assert run.rows.reply.to_list() == ["at once", "message 1, turn 0", "message 2, turn 1",
                                        "at once", "message 4, turn 0", "message 5, turn 1"]


@pytest.mark.parametrize("streams", [True, False])
def test_a_method_that_no_batch_can_answer_stops_at_once(loopback, monkeypatch, tmp_path, streams):
    client = connected(monkeypatch, loopback(BatchProvider()))
    chance = iter(range(100))

    def ask(example: Example) -> str | None:
        return heard(client, example.input) if streams else say(client, f"{example.input} {next(chance)}")

    with pytest.raises(BatchError, match="carries no streams" if streams else "something else each time"):
        evaluate(ask, examples(3), batch=tmp_path / "batch")


@pytest.mark.live
def test_the_embedded_model_answers_in_a_batch_as_alone_and_goes_on_after_its_service_was_ended(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(with_weights(tmp_path / "cache")))
    monkeypatch.setattr(service, "_running", None)
    monkeypatch.setattr(batches, "PAUSES", (0.05, 0.05, 0.05))
    options = {"model": weights.DEFAULT_CHAT_MODEL, "temperature": 0, "max_completion_tokens": 8}
    real = batches._Desk.look

    def killed(desk: batches._Desk) -> None:
        real(desk)
        if desk.done >= 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(batches._Desk, "look", killed)
    with pytest.raises(KeyboardInterrupt):
        evaluate(asking(new_process(monkeypatch), **options), examples(10), batch=tmp_path / "batch")
    service._running.stop()
    monkeypatch.setattr(batches._Desk, "look", real)
    batched = evaluate(asking(new_process(monkeypatch), **options), examples(10), batch=tmp_path / "batch")
    assert len(json.loads((tmp_path / "batch" / "batches.json").read_text())["parts"]) == 1
    monkeypatch.setenv("COURSE_REPLAY", "off")
    alone = evaluate(asking(new_process(monkeypatch), **options), examples(10))
    service._running.stop()
    assert (batched.rows.drop(columns="seconds") == alone.rows.drop(columns="seconds")).all(axis=None)
    assert (batched.rows.seconds > 0).all() and batched.failed == 0


# ---------------------------------------------------------------- broken off and started again

def test_ctrl_c_leaves_what_was_answered_and_the_next_run_asks_the_rest(loopback, monkeypatch):
    pressed, stopped = threading.Lock(), threading.Event()

    def handler(method, path, headers, body):
        if loopback.count >= 12:
            if pressed.acquire(blocking=False):        # once
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            stopped.wait(60)
        return answer()

    client = connected(monkeypatch, loopback(handler))
    with pytest.raises(KeyboardInterrupt):
        evaluate(asking(client), examples(40), workers=4)
    stopped.set()
    client = new_process(monkeypatch)       # when the calls in flight are answered
    assert 12 <= loopback.count < 30
    assert evaluate(asking(client), examples(40)).right == 40
    assert loopback.count == 40


SIXTY_ROWS = """
import helpers
from helpers.tasks import Example, LabelTask
task = LabelTask("mini", {"category": {"delivery": "", "billing": ""}}, "category")
rows = [Example(f"e{i}", f"message {i}", "delivery", {}, task) for i in range(60)]
client, model = helpers.connect()

def ask(example):
    messages = [{"role": "user", "content": example.input}]
    return client.chat.completions.create(model=model, messages=messages).choices[0].message.content

print(helpers.evaluate(ask, rows, name="sixty", workers=4))
"""


def test_after_kill_9_nothing_is_asked_again_but_what_was_in_flight(loopback, monkeypatch):
    half_way, killed = threading.Event(), threading.Event()

    def handler(*_):
        if loopback.count >= 30:
            half_way.set()
            killed.wait(60)
        return answer()

    settings = {"OPENAI_BASE_URL": loopback(handler), "COURSE_MODEL": MODEL, "COURSE_REPLAY": "auto"}
    process = subprocess.Popen(**sixty_rows(settings | {"OPENAI_API_KEY": "first"}), stdout=subprocess.PIPE)
    assert half_way.wait(300)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    killed.set()

    finished = subprocess.run(**sixty_rows(settings | {"OPENAI_API_KEY": "second"}), capture_output=True)
    assert finished.stdout.strip() == "sixty: 60 of 60 right (100%, 95% interval 94% to 100%), 100% valid"
    before, after = (texts_of(asked for asked in loopback.requests if key in asked.headers["authorization"])
                     for key in ("first", "second"))
    assert 29 <= len(before) < 60                   # one may have been cut off while it was sent
    assert len(set(before) & set(after)) <= 4       # four workers: these were in flight
    assert len(before) == len(set(before)) and len(after) == len(set(after))
    assert len(set(before + after)) == 60


def texts_of(requests: Iterable[Asked]) -> list[str]:
    """Return what was asked, but for a request whose sender was killed while it sent."""
    whole = [asked for asked in requests if len(asked.body) == int(asked.headers["content-length"])]
    return [said_to(asked.body) for asked in whole]


def sixty_rows(settings: dict) -> dict:
    return {"args": [sys.executable, "-c", SIXTY_ROWS], "env": os.environ | settings, "text": True,
            "cwd": Path(helpers.__file__).parent.parent}


def test_a_row_that_failed_does_not_stop_the_others(loopback, monkeypatch):
    record_sleeps(monkeypatch)

    def handler(method, path, headers, body):
        return refusal(500) if said_to(body) in ("message 3", "message 5") else answer()

    run = evaluate(asking(connected(monkeypatch, loopback(handler))), examples(20))
    assert (run.right, run.failed) == (18, 2)
    assert run.rows[run.rows.error != ""].id.to_list() == ["e3", "e5"]


# ---------------------------------------------------------------- two runs

def run_of(right: str, name: str = "run", first: int = 0) -> Run:
    """A run by a pattern, 1 for right, 0 for wrong, of the examples e<first>, …"""
    rows = pd.DataFrame({"id": [f"e{first + i}" for i in range(len(right))], "expected": "delivery",
                         "reply": ["delivery" if mark == "1" else "billing" for mark in right],
                         "right": [mark == "1" for mark in right]})
    return Run(name, rows, pd.DataFrame(index=rows.id))


def test_two_runs_counted_by_hand():
    both = compare(run_of("1100110000", "a"), run_of("0111111100", "b"))
    assert (both.won, both.lost, both.total) == (4, 1, 10)
    assert both.difference == pytest.approx(0.3)
    assert both.p == pytest.approx(0.375)       # 2 · (5 + 1) / 2⁵
    low, high = both.interval
    assert low < 0.3 < high and (low, high) == both.interval
    assert both.flips.columns.to_list() == ["id", "expected", "a", "b", "change"]
    assert both.flips[["id", "change"]].to_numpy().tolist() == [["e0", "lost"], ["e2", "won"], ["e3", "won"],
                                                               ["e6", "won"], ["e7", "won"]]


def test_the_insurance_tickets_print_on_one_line():
    both = compare(run_of("1" + "0" * 17 + "1" * 47 + "0" * 3, "prompt"),
                   run_of("0" + "1" * 17 + "1" * 47 + "0" * 3, "retrieved"))
    assert re.fullmatch(r"prompt → retrieved: \+23\.5 points \(\+1\d\.\d to \+3\d\.\d\), 17 won, "
                        r"1 lost of 68, p = \.0001; could have shown 1\d\.\d", repr(both))


def test_where_too_few_rows_changed_nothing_is_said_of_what_could_have_been_shown():
    said = repr(compare(run_of("0" * 3 + "1" * 17), run_of("1" * 20)))
    assert said.endswith("3 won, 0 lost of 20, p = .2500; too few changed to say what it could have shown")


def test_seconds_are_hundredths_where_a_model_was_asked_and_tenths_where_none_was(loopback, monkeypatch):
    asked = evaluate(asking(connected(monkeypatch, loopback(always(answer())))), examples(3))
    own = evaluate(lambda example: "delivery", examples(3))
    assert re.fullmatch(r"\d+\.\d\d", asked.summary()["seconds"])
    assert re.fullmatch(r"\d+\.\d", own.summary()["seconds"])


def test_a_tiny_p_and_a_loss_print_as_such():
    assert "-40.0 points" in repr(compare(run_of("1" * 50), run_of("0" * 20 + "1" * 30)))
    assert "p < .0001" in repr(compare(run_of("1" * 50), run_of("0" * 20 + "1" * 30)))


def test_the_same_run_twice_differs_in_nothing():
    same = compare(run_of("1010", "a"), run_of("1010", "a"))
    assert (same.difference, same.interval, same.p, same.won, same.lost) == (0, (0, 0), 1.0, 0, 0)
    assert len(same.flips) == 0


def test_rows_are_matched_by_id_in_whatever_order_and_only_common_ones_count():
    a, b = run_of("11110000", "a"), run_of("0011", "b", first=2)
    shuffled = Run("b", b.rows.sample(frac=1, random_state=1), b.fields)
    for other in (b, shuffled):
        both = compare(a, other)        # e2…e5: a 1100, b 0011
        assert (both.total, both.won, both.lost) == (4, 2, 2)


def test_runs_with_no_example_in_common_are_not_compared():
    with pytest.raises(ValueError, match="'a' and 'b' have no example in common"):
        compare(run_of("11", "a"), run_of("11", "b", first=5))


def test_rows_that_share_an_id_are_not_compared():
    doubled = run_of("11", "b")
    doubled.rows["id"] = "e0"
    with pytest.raises(ValueError, match="'b' has several rows with the id 'e0'"):
        compare(run_of("11", "a"), doubled)


def test_two_runs_of_one_name_keep_both_columns():
    flips = compare(run_of("10", "same"), run_of("01", "same")).flips
    assert flips.columns.to_list() == ["id", "expected", "same", "same (2)", "change"]


def test_a_failed_row_is_lost_against_one_that_was_right():
    a = evaluate(replies("delivery", "delivery"), examples(2), name="a")
    b = evaluate(replies("delivery", OSError("gone")), examples(2), name="b")
    assert (compare(a, b).lost, compare(a, b).total) == (1, 2)


def test_comparing_real_runs_uses_the_scores_in_their_rows():
    a = evaluate(replies("billing", "delivery", "what?"), examples(3), name="a")
    b = evaluate(replies("delivery", "delivery", {"category": "delivery"}), examples(3), name="b")
    both = compare(a, b)
    assert (both.won, both.lost) == (2, 0)
    assert both.flips.to_dict("records")[1] == {"id": "e2", "expected": "delivery", "a": "what?",
                                                "b": {"category": "delivery"}, "change": "won"}
