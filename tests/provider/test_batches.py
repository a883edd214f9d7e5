"""Batches at a provider, and left to an engine: partial and faulty results, interruptions, money, no second bill."""
from __future__ import annotations

import json
import re
from pathlib import Path

import openai
import pytest

from helpers import provider as course
from helpers.evaluation import Run, evaluate
from helpers.provider import batches
from helpers.provider.batches import NotAnsweredYet
from helpers.provider.budget import OverBudget
from helpers.provider.collection import BatchError
from helpers.provider.transport import NotRecorded
from helpers.settings import store_folder
from tests.batch_provider import BatchProvider, result
from tests.conftest import Loopback
from tests.talking import MODEL, always, answer, asking, connected, examples, new_process, record_sleeps, refusal, say

PRICED = {"COURSE_PRICE": "1,10"}       # dollars per million tokens


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Look often."""
    monkeypatch.setattr(batches, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "batch"


def evaluated(client: openai.OpenAI, folder: Path, count: int = 4, **options: object) -> Run:
    return evaluate(asking(client, **options), examples(count), workers=4, batch=folder)


def told(body: dict) -> str:
    return body["messages"][-1]["content"]


def failing_at(number: int, reply: tuple):
    """Answer all messages but one."""
    return lambda body: reply if told(body) == f"message {number}" else answer()


def state(folder: Path) -> list[dict]:
    return json.loads((folder / "batches.json").read_text())["parts"]


def requests(folder: Path, number: int = 1) -> list[dict]:
    return [json.loads(line) for line in (folder / f"requests-{number:04}.jsonl").read_text().splitlines()]


# ---------------------------------------------------------------- the whole way

def test_a_run_is_asked_in_one_batch_and_is_the_run_that_is_asked_one_by_one(loopback, monkeypatch, folder):
    provider = BatchProvider(lambda body: answer("delivery" if "2" in told(body) else "billing"))
    batched = evaluated(connected(monkeypatch, loopback(provider)), folder)
    assert len(provider.batches) == 1 and provider.asked == [f"message {i}" for i in range(4)]
    assert not [asked for asked in loopback.requests if "chat" in asked.path]
    monkeypatch.setenv("COURSE_STORE", str(folder / "other"))
    alone = evaluate(asking(new_process(monkeypatch)), examples(4))
    assert (batched.rows.drop(columns="seconds") == alone.rows.drop(columns="seconds")).all(axis=None)
    assert batched.rows.seconds.isna().all() and batched.summary()["seconds"] == "?"


def test_what_a_batch_answered_is_replayed_and_no_key_is_written(loopback, monkeypatch, folder):
    provider = BatchProvider(lambda body: answer("the key is sk-secret-1"))
    client = connected(monkeypatch, loopback(provider), OPENAI_API_KEY="sk-secret-1")
    evaluated(client, folder)
    before = loopback.count
    monkeypatch.setenv("COURSE_REPLAY", "auto")
    assert evaluate(asking(new_process(monkeypatch)), examples(4)).total == 4 and loopback.count == before
    kept = [path for home in (folder, store_folder()) for path in home.rglob("*") if path.is_file()]
    assert len(kept) > 4 and not [path for path in kept if b"sk-secret-1" in path.read_bytes()]


def test_the_file_is_openais_format_and_its_ids_are_the_calls_keys(loopback, monkeypatch, folder):
    evaluated(connected(monkeypatch, loopback(BatchProvider())), folder, 2, temperature=0)
    first = requests(folder)[0]
    assert first | {"custom_id": ""} == {"custom_id": "", "method": "POST", "url": "/v1/chat/completions", "body": {
        "model": MODEL, "messages": [{"role": "user", "content": "message 0"}], "temperature": 0}}
    assert re.fullmatch("c-[0-9a-f]{16}", first["custom_id"])


def test_requests_that_are_the_same_are_asked_once(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    run = evaluate(lambda example: say(client, "the same"), examples(5), batch=folder)
    assert (run.right, provider.asked) == (5, ["the same"])


def test_a_method_that_calls_twice_in_turn_takes_two_batches(loopback, monkeypatch, folder):
    provider = BatchProvider(lambda body: answer("is it so?" if told(body).startswith("message") else "delivery"))
    client = connected(monkeypatch, loopback(provider))

    def check_itself(example) -> str | None:
        first = say(client, example.input)
        return say(client, f"{first} {example.input}") if example.id != "e1" else "delivery"

    run = evaluate(check_itself, examples(3), batch=folder)
    assert (run.right, len(provider.batches)) == (3, 2)
    assert provider.asked[3:] == ["is it so? message 0", "is it so? message 2"]
    assert run.rows.prompt_tokens.to_list() == [20, 10, 20]


def test_a_method_that_catches_errors_does_not_catch_the_wait(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))

    def careful(example) -> str | None:
        try:
            return say(client, example.input)
        except Exception:
            return say(client, "what was that?")

    assert evaluate(careful, examples(2), batch=folder).right == 2
    assert provider.asked == ["message 0", "message 1"]


def test_two_models_take_a_file_each(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    run = evaluate(lambda example: say(client, example.input, model=f"m{int(example.id[1:]) % 2}"), examples(4),
                   batch=folder)
    assert run.right == 4 and [part["model"] for part in state(folder)] == ["m0", "m1"]


def test_each_repeat_is_asked_anew_in_the_same_folder(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    for repeat in (0, 1, 1):
        evaluate(asking(client), examples(2), repeat=repeat, batch=folder)
    assert len(provider.asked) == 4 and len(state(folder)) == 2


def test_a_parameter_that_the_model_refuses_is_left_out_in_a_second_batch(loopback, monkeypatch, folder, capsys):
    def reply(body: dict) -> tuple:
        return refusal(400, "no", param="temperature") if "temperature" in body else answer()
    provider = BatchProvider(reply)
    run = evaluated(connected(monkeypatch, loopback(provider)), folder, temperature=0)
    assert (run.right, run.failed, len(provider.batches)) == (4, 0, 2)
    assert "loop-1 refuses 'temperature': sent without it from now on." in capsys.readouterr().err


# ---------------------------------------------------------------- what fails, is missing, is too much

def test_a_failed_line_is_its_rows_error_and_is_counted(loopback, monkeypatch, folder):
    waits = record_sleeps(monkeypatch)
    provider = BatchProvider(failing_at(1, refusal(429, "slow down")))
    run = evaluated(connected(monkeypatch, loopback(provider)), folder)
    assert (run.right, run.failed, run.total, waits) == (3, 1, 4, [])
    assert run.rows.error[1].startswith("RateLimitError: ") and "slow down" in run.rows.error[1]


def test_what_failed_is_asked_again_when_it_is_evaluated_again(loopback, monkeypatch, folder):
    provider = BatchProvider(failing_at(1, refusal(500)))
    client = connected(monkeypatch, loopback(provider))
    assert evaluated(client, folder).failed == 1
    provider.reply = lambda body: answer()
    assert evaluated(client, folder).right == 4
    assert provider.asked[4:] == ["message 1"]


ENDS = {
    "expired": ([{"id": "r", "custom_id": None, "response": None,
                  "error": {"code": "batch_expired", "message": "Too late."}}], "Unanswered: batch_expired: Too late."),
    "cancelled": ([], "has no line for this request: the batch ended as cancelled"),
    "completed": ([], "results-0001.jsonl has no line for this request."),
}


@pytest.mark.parametrize("status", ENDS)
def test_a_batch_that_ends_early_keeps_its_answers_and_the_rest_fails(loopback, monkeypatch, folder, status, capsys):
    instead, words = ENDS[status]
    provider = BatchProvider()
    provider.status = status
    provider.lines = lambda lines: lines[:3] + [one | {"custom_id": lines[3]["custom_id"]} for one in instead]
    client = connected(monkeypatch, loopback(provider))
    run = evaluated(client, folder)
    assert (run.right, run.failed) == (3, 1) and words in run.rows.error[3]
    assert ("1 of 4 requests have no line" in capsys.readouterr().out) == (not instead)
    provider.status, provider.lines = "completed", lambda lines: lines
    assert evaluated(client, folder).right == 4 and provider.asked[4:] == ["message 3"]


FAULTS = {
    "unknown": (lambda lines: [*lines, result("c-0")],
                r"results-0001\.jsonl: an id that stands nowhere in requests-0001\.jsonl \(1\): c-0\. The other 4"),
    "doubled": (lambda lines: [*lines, result(lines[0]["custom_id"], body=answer("billing")[2])],
                r"two different results for \(1\): c-\w+\. The other 3 of 4 results are kept"),
    "torn": (lambda lines: [*lines[:3], '{"custom_id": "c-'], r"no result in line \(1\): 4\. The other 3 of 4"),
    "many": (lambda lines: [*lines, *(result(f"c-{i}") for i in range(8))], "c-4 and 3 more"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_results_are_named_what_is_good_is_kept_and_repaired_they_are_read(loopback, monkeypatch, folder, fault):
    spoilt, words = FAULTS[fault]
    provider = BatchProvider()
    provider.lines = spoilt
    client = connected(monkeypatch, loopback(provider))
    with pytest.raises(BatchError, match=words):
        evaluated(client, folder)
    kept = evaluate(asking(client), examples(1 if fault != "doubled" else 0) or examples(2)[1:])
    assert kept.right == 1 and not [asked for asked in loopback.requests if "chat" in asked.path]
    (folder / "results-0001.jsonl").write_text("".join(
        json.dumps(result(line["custom_id"])) + "\n" for line in requests(folder)))
    assert evaluated(client, folder).right == 4 and len(provider.batches) == 1


def test_a_line_that_comes_twice_alike_does_no_harm(loopback, monkeypatch, folder):
    provider = BatchProvider()
    provider.lines = lambda lines: lines + lines[:2]
    assert evaluated(connected(monkeypatch, loopback(provider)), folder).right == 4


def test_an_answer_that_is_none_is_its_rows_error(loopback, monkeypatch, folder):
    provider = BatchProvider(failing_at(2, (200, {}, {"choices": []})))
    run = evaluated(connected(monkeypatch, loopback(provider)), folder)
    assert (run.right, run.failed) == (3, 1) and "no chat/completions answer" in run.rows.error[2]


def test_a_batch_that_was_not_taken_says_why_and_is_written_anew(loopback, monkeypatch, folder):
    provider = BatchProvider()
    provider.status, provider.lines = "failed", lambda lines: []
    provider.errors = {"object": "list", "data": [{"code": "x", "message": "Enqueued token limit reached."}]}
    client = connected(monkeypatch, loopback(provider))
    with pytest.raises(BatchError, match=r"did not take requests-0001\.jsonl \(batch_0\): Enqueued token limit"):
        evaluated(client, folder)
    provider.status, provider.lines, provider.errors = "completed", lambda lines: lines, None
    assert evaluated(client, folder).right == 4
    assert [part["status"] for part in state(folder)] == ["failed", "completed"]


def test_a_model_that_does_not_exist_stops_at_once(loopback, monkeypatch, folder):
    provider = BatchProvider(lambda body: refusal(404, "no such model"))
    with pytest.raises(openai.NotFoundError, match="no such model"):
        evaluated(connected(monkeypatch, loopback(provider)), folder)


# ---------------------------------------------------------------- cut off

def test_trouble_that_passes_is_passed_over(loopback, monkeypatch, folder):
    record_sleeps(monkeypatch)
    provider = BatchProvider(looks=3)
    client = connected(monkeypatch, loopback(provider))
    real, troubles = provider._look, [refusal(500), Loopback.CUT, refusal(429)] * 3
    provider._look = lambda name: troubles.pop() if troubles else real(name)
    assert evaluated(client, folder).right == 4 and not troubles


def test_an_upload_that_is_refused_for_now_is_tried_again(loopback, monkeypatch, folder):
    record_sleeps(monkeypatch)
    provider = BatchProvider()
    provider.trouble = [refusal(429, after="1"), refusal(503)]
    assert evaluated(connected(monkeypatch, loopback(provider)), folder).right == 4


def interrupted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Have the next call of this method of a desk end the run, as Ctrl-C does."""
    real, calls = getattr(batches._Desk, name), []

    def method(desk, *given):
        calls.append(name)
        if len(calls) == 1:
            real(desk, *given)
            raise KeyboardInterrupt
        return real(desk, *given)
    monkeypatch.setattr(batches._Desk, name, method)


@pytest.mark.parametrize("where", ["_created", "look", "_fetch"])
def test_a_run_that_is_cut_off_goes_on_and_submits_nothing_twice(loopback, monkeypatch, folder, where):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    interrupted(monkeypatch, where)
    with pytest.raises(KeyboardInterrupt):
        evaluated(client, folder)
    assert evaluated(new_process(monkeypatch), folder).right == 4
    assert len(provider.batches) == len(provider.uploads) == 1


def test_a_run_that_is_cut_off_before_it_was_submitted_is_submitted_once(loopback, monkeypatch, folder):
    record_sleeps(monkeypatch)
    provider = BatchProvider()
    provider.trouble = [(200, {}, {"object": "list", "data": []}), *[Loopback.CUT] * 5]
    with pytest.raises(openai.APIConnectionError):
        evaluated(connected(monkeypatch, loopback(provider)), folder)
    assert evaluated(new_process(monkeypatch), folder).right == 4
    assert len(provider.batches) == 1 and len(state(folder)) == 1


def test_a_batch_that_the_provider_forgot_is_named(loopback, monkeypatch, folder):
    provider = BatchProvider(looks=10**6)
    client = connected(monkeypatch, loopback(provider))
    interrupted(monkeypatch, "look")
    with pytest.raises(KeyboardInterrupt):
        evaluated(client, folder)
    provider.batches.clear()
    with pytest.raises(BatchError, match=r"does not know batch_0 any more, which requests-0001\.jsonl.*Delete that"):
        evaluated(client, folder)
    (folder / "requests-0001.jsonl").unlink()
    provider.looks = 1
    assert evaluated(client, folder).right == 4


def test_only_one_run_at_a_time_works_on_a_folder(loopback, monkeypatch, folder):
    client = connected(monkeypatch, loopback(BatchProvider()))
    with batches._alone(folder), pytest.raises(BatchError, match=r"Another run works on .*batch\."):
        evaluated(client, folder)


def test_a_damaged_state_is_named(loopback, monkeypatch, folder):
    client = connected(monkeypatch, loopback(BatchProvider()))
    folder.mkdir()
    (folder / "batches.json").write_text('{"parts": [{"file": 1}]}')
    with pytest.raises(BatchError, match=r"batches\.json is damaged .*Restore it, or name another folder"):
        evaluated(client, folder)


# ---------------------------------------------------------------- recordings

def test_without_anything_to_ask_no_folder_is_made_and_only_replay_asks_nothing(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider))
    evaluate(asking(client), examples(2))
    evaluate(asking(client), examples(2), batch=folder)
    assert not folder.exists()
    monkeypatch.setenv("COURSE_REPLAY", "only")
    with pytest.raises(NotRecorded):
        evaluated(new_process(monkeypatch), folder)
    assert provider.batches == [] and not folder.exists()


def test_with_replay_off_all_is_asked_anew_once(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider), COURSE_REPLAY="off")
    for home in ("a", "b"):
        assert evaluated(client, folder / home).right == 4
    assert len(provider.asked) == 8


# ---------------------------------------------------------------- money

def ledger() -> list[dict]:
    return [json.loads(line) for line in (store_folder() / "ledger.jsonl").read_text().splitlines()]


def test_the_price_of_a_batch_is_half_and_is_paid_once(loopback, monkeypatch, folder):
    priced = {"COURSE_MODEL": "gpt-4o-mini", "OPENAI_API_KEY": "sk-1"}
    provider = BatchProvider(lambda body: answer(prompt=1000, completion=100))
    client = connected(monkeypatch, loopback(provider), **priced)
    monkeypatch.setattr(course.Target, "on_this_machine", False)
    run = evaluate(lambda example: say(client, example.input, model="gpt-4o-mini"), examples(4), batch=folder)
    assert run.rows.cost.to_list() == pytest.approx([0.000105] * 4)
    assert course.budget().spent == pytest.approx(4 * 0.000105)
    assert sum(line["paid"] for line in ledger()) == pytest.approx(4 * 0.000105)
    again = evaluate(lambda example: say(client, example.input, model="gpt-4o-mini"), examples(4))
    assert again.rows.cost.sum() == pytest.approx(4 * 0.000105)
    assert course.budget().spent == pytest.approx(4 * 0.000105)


def test_what_a_batch_can_cost_is_spent_from_the_moment_it_is_sent(loopback, monkeypatch, folder):
    provider = BatchProvider(looks=10**6)
    client = connected(monkeypatch, loopback(provider), **PRICED)
    interrupted(monkeypatch, "look")
    with pytest.raises(KeyboardInterrupt):
        evaluated(client, folder, max_completion_tokens=100)
    most = state(folder)[0]["most"]
    assert most > 4 * 100 * 10 / 1e6
    client = new_process(monkeypatch)
    assert course.budget().spent == pytest.approx(most)
    provider.looks = 1
    evaluated(client, folder, max_completion_tokens=100)
    assert course.budget().spent == pytest.approx(4 * (10 * 1 + 2 * 10) / 1e6)


def test_a_batch_that_would_pass_the_limit_is_not_sent(loopback, monkeypatch, folder):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider), COURSE_BUDGET="0.0001", **PRICED)
    with pytest.raises(OverBudget, match=r"One request to loop-1 could cost \$0\.0\d+ in a batch; \$0\.0001 of the"):
        evaluated(client, folder)
    assert provider.uploads == [] and loopback.count == 0


def test_near_the_limit_a_batch_goes_in_parts(loopback, monkeypatch, folder, capsys):
    provider = BatchProvider()
    client = connected(monkeypatch, loopback(provider), COURSE_BUDGET="0.0025", **PRICED)
    run = evaluated(client, folder, max_completion_tokens=100)      # at most a little over $0.001 each
    assert run.right == 4 and [part["count"] for part in state(folder)] == [2, 2]
    assert "the budget holds 2 of 4 requests at once" in capsys.readouterr().out


def test_a_batch_written_under_a_higher_limit_is_not_sent_under_a_lower_one(loopback, monkeypatch, folder):
    record_sleeps(monkeypatch)
    provider = BatchProvider()
    provider.trouble = [Loopback.CUT] * 5
    client = connected(monkeypatch, loopback(provider), **PRICED)
    monkeypatch.setattr(course.Target, "on_this_machine", False)
    with pytest.raises(openai.APIConnectionError):
        evaluated(client, folder)
    monkeypatch.setenv("COURSE_BUDGET", "0.0001")
    with pytest.raises(OverBudget, match="This batch for loop-1 could cost"):
        evaluated(client, folder)
    assert provider.uploads == []


def test_an_estimate_is_said_before_it_is_sent(loopback, monkeypatch, folder, capsys):
    evaluated(connected(monkeypatch, loopback(BatchProvider()), **PRICED), folder)
    assert re.search(r"4 requests, at most \$0\.\d\d at the price of a batch\.", capsys.readouterr().out)


# ---------------------------------------------------------------- left to another engine

def vllm(folder: Path, number: int = 1, error_at: int | None = None) -> None:
    """Write what `vllm run-batch` writes."""
    lines = [result(one["custom_id"]) for one in requests(folder, number)]
    if error_at is not None:
        lines[error_at] |= {"response": {"status_code": 400, "request_id": "x", "body": None},
                            "error": {"error": {"message": "too long for this model", "code": 400}}}
    (folder / f"results-{number:04}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_batches_the_requests_are_left_for_vllm_and_read_when_they_are_answered(loopback, monkeypatch, folder,
                                                                                         status):
    client = connected(monkeypatch, loopback(always(refusal(status, "no such path"))))
    for _ in range(2):
        with pytest.raises(NotAnsweredYet, match=r"offers no batches, so 4 requests wait in .*batch.*"
                           r"`vllm run-batch -i requests-0001\.jsonl -o results-0001\.jsonl --model loop-1`"):
            evaluated(client, folder)
    assert len(state(folder)) == 1
    vllm(folder, error_at=2)
    run = evaluated(new_process(monkeypatch), folder)
    assert (run.right, run.failed) == (3, 1) and "BadRequestError: " in run.rows.error[2]
    assert "too long for this model" in run.rows.error[2]


def test_where_no_server_is_up_on_this_machine_the_requests_are_left_too(loopback, monkeypatch, folder):
    record_sleeps(monkeypatch)
    client = connected(monkeypatch, "http://127.0.0.1:9/v1")
    with pytest.raises(NotAnsweredYet):
        evaluated(client, folder)
    vllm(folder)
    assert evaluated(client, folder).right == 4


def test_files_are_split_and_answered_one_by_one(loopback, monkeypatch, folder):
    monkeypatch.setattr("helpers.provider.batch_files.MOST_REQUESTS", 2)
    client = connected(monkeypatch, loopback(always(refusal(404))))
    with pytest.raises(NotAnsweredYet, match=r"a file each: `vllm .* `vllm run-batch -i requests-0003\.jsonl"):
        evaluated(client, folder, 5)
    vllm(folder, 1)
    with pytest.raises(NotAnsweredYet, match="so 3 requests wait"):
        evaluated(client, folder, 5)
    vllm(folder, 2)
    vllm(folder, 3)
    assert evaluated(client, folder, 5).right == 5


def test_a_key_that_is_refused_is_an_error(loopback, monkeypatch, folder):
    with pytest.raises(openai.AuthenticationError):
        evaluated(connected(monkeypatch, loopback(always(refusal(401)))), folder)
