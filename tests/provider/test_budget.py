"""The budget: prices, a hard limit that holds also side by side, and a ledger that outlives the process."""
from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers import provider
from helpers.evaluation import evaluate
from helpers.provider.budget import Budget, Entry, OverBudget, Price, Tokens, UnknownPrice
from helpers.settings import SettingError, store_folder
from tests.talking import (
    MODEL,
    always,
    answer,
    asking,
    connected,
    events,
    examples,
    heard,
    new_process,
    recordings_folder,
    say,
    streaming,
)

CENT_A_TOKEN = "0,10000"        # COURSE_PRICE: questions free, a cent for each token of the answer


def ledger() -> list[dict]:
    path = store_folder() / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def paid() -> float:
    return sum(entry["paid"] for entry in ledger())


# ---------------------------------------------------------------- prices

@pytest.mark.parametrize(("tokens", "dollars"), [
    (Tokens(1000, 0, 100), 0.00015), (Tokens(1000, 1000, 0), 0.00001)])
def test_a_list_price_counts_cached_tokens_apart(tokens, dollars):
    assert Price("gpt-6-luna").of(tokens) == pytest.approx(dollars)


@pytest.mark.parametrize(("model", "dollars"), [("gpt-6-luna", 0.000075), ("grok-4", Price("grok-4").of(
    Tokens(1000, 0, 100)))], ids=["half", "the list says nothing of batches"])
def test_a_batch_costs_half_where_the_price_list_says_so(model, dollars):
    assert Price(model, batched=True).of(Tokens(1000, 0, 100)) == pytest.approx(dollars)


def test_what_a_batch_can_cost_is_entered_before_and_set_right_after(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "1")
    budget = Budget(tmp_path / "ledger.jsonl")
    budget.advance(0.7, "m")
    assert (budget.spent, budget.left) == (pytest.approx(0.7), pytest.approx(0.3))
    with pytest.raises(OverBudget, match=r"This batch for m could cost \$0\.5000; \$0\.7000 of the budget"):
        Budget(tmp_path / "ledger.jsonl").advance(0.5, "m")
    budget.record(Entry("2026-11-29", "m", 10, 2, 0.1, 0.1 - 0.7))
    assert Budget(tmp_path / "ledger.jsonl").spent == pytest.approx(0.1)


def test_a_price_of_ones_own_is_dollars_per_million_in_and_out(monkeypatch):
    monkeypatch.setenv("COURSE_PRICE", "0.10,0.50")
    assert Price("nobody-knows").of(Tokens(2_000_000, 0, 1_000_000)) == pytest.approx(0.70)
    assert Price("nobody-knows", free=True).of(Tokens(2_000_000, 0, 0)) == 0.0


def test_an_unknown_price_says_how_to_tell_it():
    with pytest.raises(UnknownPrice, match=r"'nobody-knows'.*COURSE_PRICE"):
        Price("nobody-knows").of(Tokens(1, 0, 1))


@pytest.mark.parametrize("text", ["cheap", "1", "1,2,3", "1;2"])
def test_a_price_that_is_no_two_numbers_is_a_setting_error(monkeypatch, text):
    monkeypatch.setenv("COURSE_PRICE", text)
    with pytest.raises(SettingError, match=r"COURSE_PRICE=.*0\.10,0\.50"):
        Price("m").of(Tokens(1, 0, 1))


def test_a_limit_that_is_no_number_is_a_setting_error(monkeypatch):
    monkeypatch.setenv("COURSE_BUDGET", "a lot")
    with pytest.raises(SettingError, match="COURSE_BUDGET='a lot' is not a number"):
        _ = Budget(Path("ledger.jsonl")).limit


# ---------------------------------------------------------------- the limit

def test_an_unknown_price_sends_nothing(loopback, monkeypatch):
    monkeypatch.setattr("helpers.provider.target.is_loopback", lambda host: False)
    client = connected(monkeypatch, loopback(always(answer())))
    with pytest.raises(UnknownPrice, match=f"'{MODEL}'.*COURSE_PRICE"):
        say(client)
    assert loopback.count == 0


def test_a_call_that_could_pass_the_limit_is_not_sent(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(completion=10))), COURSE_PRICE=CENT_A_TOKEN,
                       COURSE_BUDGET="0.15")
    assert say(client, "one", max_completion_tokens=10) == "delivery"
    with pytest.raises(OverBudget, match=r"could cost \$0\.1000; \$0\.1000 of the budget of \$0\.15 is"):
        say(client, "two", max_completion_tokens=10)
    assert (loopback.count, paid()) == (1, pytest.approx(0.10))


def test_everything_that_is_sent_counts_towards_the_bound(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_PRICE="10000,0", COURSE_BUDGET="0.90")
    schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"description": "long " * 50}}}
    with pytest.raises(OverBudget):
        say(client, "hi", max_completion_tokens=1, response_format=schema)
    assert loopback.count == 0


class CostlyServer:
    """Answers with `used` tokens, and notes the most that could have been spent at any moment, in cents."""

    def __init__(self, allowed: int, used: int):
        self.allowed, self.used = allowed, used
        self.in_flight = self.answered = self.worst = 0
        self._turn = threading.Lock()

    def __call__(self, *_: object) -> tuple:
        with self._turn:
            self.in_flight += 1
            self.worst = max(self.worst, self.in_flight * self.allowed + self.answered * self.used)
        threading.Event().wait(0.01)
        with self._turn:
            self.in_flight -= 1
            self.answered += 1
        return answer(completion=self.used)


@pytest.mark.parametrize(("allowed", "used", "fewest", "most"), [(5, 5, 10, 10), (10, 1, 40, 43)])
def test_the_limit_holds_with_sixteen_calls_at_once(loopback, monkeypatch, allowed, used, fewest, most):
    server = CostlyServer(allowed, used)
    client = connected(monkeypatch, loopback(server), COURSE_PRICE=CENT_A_TOKEN, COURSE_BUDGET="0.52")

    def stopped(number: int) -> bool:
        try:
            say(client, f"{number}", max_completion_tokens=allowed)
        except OverBudget:
            return True
        return False

    with ThreadPoolExecutor(16) as pool:
        stops = list(pool.map(stopped, range(64)))
    assert fewest <= server.answered <= most
    assert stops.count(False) == server.answered == len(ledger())
    assert server.worst <= 52
    assert paid() == pytest.approx(server.answered * used / 100) and paid() <= 0.52


def test_a_stream_is_held_back_for_until_it_has_been_read(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("a b"))), COURSE_PRICE=CENT_A_TOKEN)
    stream = streaming(client, max_completion_tokens=10)
    held = provider.budget()._reserved
    assert held == pytest.approx(0.10)
    list(stream)
    assert (provider.budget()._reserved, paid()) == (0, pytest.approx(0.02))


def test_a_reply_that_does_not_say_what_it_used_costs_the_most_it_could(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("a b", usage=False))), COURSE_PRICE=CENT_A_TOKEN)
    heard(client, max_completion_tokens=10)
    assert paid() == pytest.approx(0.10)


def test_a_stream_that_is_left_early_costs_the_most_it_could_and_holds_nothing_back(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("a b"))), COURSE_PRICE=CENT_A_TOKEN)
    stream = streaming(client, max_completion_tokens=10)
    next(iter(stream))
    stream.close()
    assert (provider.budget()._reserved, paid()) == (0, pytest.approx(0.10))


# ---------------------------------------------------------------- the ledger

def test_the_ledger_tells_calls_tokens_list_price_and_what_was_paid(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(prompt=30, completion=4))), COURSE_PRICE="1,2")
    say(client)
    say(client)         # replayed
    first, second = ledger()
    assert first["model"] == MODEL and (first["prompt"], first["completion"]) == (30, 4)
    assert first["list"] == first["paid"] == pytest.approx(38e-6)
    assert (second["list"], second["paid"]) == (first["list"], 0.0)
    assert set(first) == {"date", "model", "prompt", "completion", "list", "paid"}


def test_a_server_on_this_machine_is_free_and_leaves_no_ledger(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_BUDGET="0")
    assert say(client) == "delivery"
    assert ledger() == []


def test_the_next_process_remembers_what_was_spent(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(completion=10))), COURSE_PRICE=CENT_A_TOKEN,
                       COURSE_BUDGET="0.15")
    say(client, "one", max_completion_tokens=10)
    with pytest.raises(OverBudget):
        say(new_process(monkeypatch), "two", max_completion_tokens=10)


@pytest.mark.parametrize("junk", ['{"paid": 0.', "5", "null", '{"paid": null}', "{}", ""])
def test_a_damaged_line_of_the_ledger_is_passed_over_and_hides_no_other(tmp_path, junk):
    path = tmp_path / "ledger.jsonl"
    path.write_text(junk)
    Budget(path).record(Entry("2026-11-20", "m", 1, 1, 0.25, 0.25))
    assert Budget(path).spent == 0.25


def test_a_ledger_that_cannot_be_written_stops_the_spending_and_keeps_the_reply(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer())), COURSE_PRICE="1,1")
    provider.budget().ledger = store_folder() / "is-a-folder"
    provider.budget().ledger.mkdir(parents=True)
    with pytest.raises(OverBudget, match=r"cannot be written.*COURSE_STORE"):
        say(client)
    assert say(new_process(monkeypatch)) == "delivery"
    assert loopback.count == 1


# ---------------------------------------------------------------- a batch

def test_a_batch_is_estimated_from_its_first_row(loopback, monkeypatch, capsys):
    client = connected(monkeypatch, loopback(always(answer(completion=2))), COURSE_PRICE=CENT_A_TOKEN)
    evaluate(asking(client, max_completion_tokens=2), examples(5), name="plain")
    assert "plain: about $0.10 for 5 rows, list price." in capsys.readouterr().out


def test_a_batch_the_budget_does_not_reach_for_stops_after_one_row(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(completion=2))), COURSE_PRICE=CENT_A_TOKEN)
    with pytest.raises(OverBudget, match=r"100 rows at \$0\.0200 each come to \$2\.00, and \$0\.98 .*row"):
        evaluate(asking(client, max_completion_tokens=2), examples(100))
    assert loopback.count == 1


def test_a_batch_that_was_paid_for_replays_when_the_budget_is_spent(loopback, monkeypatch, capsys):
    client = connected(monkeypatch, loopback(always(answer(completion=2))), COURSE_PRICE=CENT_A_TOKEN,
                       COURSE_BUDGET="0.11")
    evaluate(asking(client, max_completion_tokens=2), examples(5))
    capsys.readouterr()
    again = evaluate(asking(new_process(monkeypatch), max_completion_tokens=2), examples(5))
    assert (again.right, again.rows.cost.sum(), loopback.count) == (5, pytest.approx(0.10), 5)
    assert "about $" not in capsys.readouterr().out


def test_a_batch_stopped_by_the_limit_keeps_what_was_answered(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(answer(completion=2))), COURSE_PRICE=CENT_A_TOKEN,
                       COURSE_BUDGET="0.10")
    with pytest.raises(OverBudget):
        evaluate(asking(client, max_completion_tokens=6), examples(5))
    kept = loopback.count
    assert 1 <= kept < 5
    wait_for_workers()      # a call still on its way would see the higher limit; another process would not have it
    monkeypatch.setenv("COURSE_BUDGET", "1")
    evaluate(asking(new_process(monkeypatch), max_completion_tokens=6), examples(5))
    assert loopback.count == 5


def wait_for_workers() -> None:
    """Wait until the threads of evaluate, which it leaves behind when it stops, have ended."""
    while any(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()):
        time.sleep(0.01)


def test_nothing_of_a_test_reaches_the_real_recordings():
    assert not recordings_folder().exists()
