"""The transport: servers that fail in every way, parameters they refuse, streams, and a key kept secret."""
from __future__ import annotations

import gzip
import json
import logging
import re
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import openai
import pytest
from openai import OpenAI

from helpers import provider, settings
from helpers.evaluation import Run, evaluate
from helpers.local import weights
from helpers.provider import transport
from helpers.provider.target import Target, chosen
from helpers.provider.transport import BadReply, NoWeights, adapted_body
from helpers.settings import store_folder
from tests.conftest import Loopback
from tests.talking import (
    MODEL,
    always,
    answer,
    asking,
    connected,
    events,
    examples,
    heard,
    in_turn,
    new_process,
    question,
    record_sleeps,
    refusal,
    said_to,
    say,
    streaming,
)

CUT_SHORT = 200, {"content-type": "application/json"}, [b'{"choices": [{"mess', Loopback.CUT]


def evaluated(client: OpenAI, count: int = 3) -> Run:
    return evaluate(asking(client), examples(count), workers=4)


# ---------------------------------------------------------------- what passes by itself

PASSING = {"429 retry-after": refusal(429, after="7"), "429": refusal(429), "500": refusal(500),
           "503": refusal(503), "cut": Loopback.CUT, "cut in mid-reply": CUT_SHORT}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
def test_trouble_that_passes_is_tried_again_and_leaves_no_trace(loopback, monkeypatch, trouble):
    record_sleeps(monkeypatch)
    client = connected(monkeypatch, loopback(in_turn(trouble, trouble, answer())))
    run = evaluated(client)
    assert (run.right, run.failed, loopback.count) == (3, 0, 5)


def test_retry_after_is_waited_for_and_without_it_the_waits_grow(loopback, monkeypatch):
    waits = record_sleeps(monkeypatch)
    say(connected(monkeypatch, loopback(in_turn(refusal(429, after="7"), answer()))))
    assert waits == [7.0]
    say(connected(monkeypatch, loopback(in_turn(refusal(429), refusal(429), refusal(429), answer()))))
    assert 0.3 < waits[1] < waits[2] < waits[3] < 5


def test_a_timeout_is_tried_again(loopback, monkeypatch):
    record_sleeps(monkeypatch)
    client = connected(monkeypatch, loopback(in_turn(Loopback.HANG, answer())))
    assert say(client.with_options(timeout=2)) == "delivery"
    assert loopback.count == 2


# ---------------------------------------------------------------- what does not pass

FOR_EVER = {
    "500":                  (refusal(500, "it fell over"), 5, "InternalServerError: .*it fell over"),
    "429":                  (refusal(429, "slow down"), 5, "RateLimitError: .*slow down"),
    "429, come back later": (refusal(429, "slow down", after="121"), 1, "RateLimitError: .*slow down"),
    "400":                  (refusal(400, "too long for this model"), 1, "BadRequestError: .*too long"),
    "cut":                  (Loopback.CUT, 5, "APIConnectionError: Connection error"),
    "cut in mid-reply":     (CUT_SHORT, 5, "APIConnectionError: Connection error"),
    "a web page":           ((200, {"content-type": "text/html"}, b"<html>Welcome"), 1,
                             "BadReply: loop-1 sent .* no chat/completions answer; it begins '<html>.* /v1"),
    "nothing":              ((200, {}, b""), 1, r"BadReply: .*begins '\(nothing\)'"),
    "JSON of another kind": ((200, {}, b'["no reply"]'), 1, "BadReply: "),
    "no choices":           ((200, {}, {"choices": []}), 1, "BadReply: "),
    "an error sent as 200": ((200, {}, {"error": {"message": "busy"}}), 1, "BadReply: .*busy"),
    "an empty answer":      (answer(""), 1, "empty reply$"),
    "no content":           (answer(None), 1, "empty reply$"),
    "all spent on thought": (answer("", completion=64, reason="length"), 1,
                             r"empty reply \(the token limit was spent before the answer\)"),
}


@pytest.mark.parametrize(("reply", "asked", "said"), FOR_EVER.values(), ids=FOR_EVER)
def test_a_row_that_fails_counts_as_wrong_and_is_shown(loopback, monkeypatch, reply, asked, said):
    record_sleeps(monkeypatch)

    def handler(method, path, headers, body):
        return reply if said_to(body) == "message 1" else answer()

    run = evaluated(connected(monkeypatch, loopback(handler)))
    assert (run.right, run.failed, len(run.rows)) == (2, 1, 3)
    assert "scored 2 of 3" in repr(run)
    failed = run.rows.iloc[1]
    assert not failed.valid and not failed.right
    assert re.search(said, failed.error), failed.error
    assert sum("message 1" in request.body.decode() for request in loopback.requests) == asked


def test_a_timeout_for_ever_is_a_failed_row(loopback, monkeypatch):
    record_sleeps(monkeypatch)
    client = connected(monkeypatch, loopback(always(Loopback.HANG))).with_options(timeout=0.1, max_retries=2)
    run = evaluated(client, 1)
    end = time.monotonic() + 60
    while loopback.count < 3 and time.monotonic() < end:        # the last may still be on its way
        time.sleep(0.01)
    assert (run.failed, loopback.count) == (1, 3)
    assert run.rows.error[0] == "APITimeoutError: Request timed out."


def test_a_failure_is_not_kept_and_the_next_run_asks_that_row_alone(loopback, monkeypatch):
    record_sleeps(monkeypatch)
    failing = threading.Event()
    failing.set()

    def handler(method, path, headers, body):
        return refusal(500) if failing.is_set() and said_to(body) == "message 1" else answer()

    client = connected(monkeypatch, loopback(handler))
    assert evaluated(client).failed == 1
    failing.clear()
    before = loopback.count
    assert evaluated(client).failed == 0
    assert [said_to(request.body) for request in loopback.requests[before:]] == ["message 1"]


@pytest.mark.parametrize(("status", "error"), [
    (401, openai.AuthenticationError), (403, openai.PermissionDeniedError), (404, openai.NotFoundError)])
def test_what_fails_every_row_alike_stops_the_batch_at_once(loopback, monkeypatch, status, error):
    client = connected(monkeypatch, loopback(always(refusal(status, "the reason"))))
    with pytest.raises(error, match="the reason"):
        evaluated(client, 50)
    assert loopback.count == 1


def test_a_key_that_ends_in_mid_batch_stops_it_and_what_was_answered_is_kept(loopback, monkeypatch):
    answered, turn, first, stopped = [], threading.Lock(), threading.Lock(), threading.Event()

    def ten_answers(method, path, headers, body):
        with turn:
            if len(answered) < 10:
                answered.append(said_to(body))
                return answer()
        if not first.acquire(blocking=False):
            stopped.wait(60)        # the other refusals come when the batch has stopped
        return refusal(401)

    client = connected(monkeypatch, loopback(ten_answers))
    with pytest.raises(openai.AuthenticationError):
        evaluated(client, 60)
    stopped.set()
    client = new_process(monkeypatch)       # when the calls in flight are answered
    before = loopback.count
    assert before < 25
    with pytest.raises(openai.AuthenticationError):
        evaluated(client, 60)
    asked_again = {said_to(request.body) for request in loopback.requests[before:]}
    assert asked_again and not asked_again & set(answered)


# ---------------------------------------------------------------- parameters that are refused

def refusing(*names: str):
    """A server that answers 400 to a request with one of these parameters, as OpenAI's does."""
    def handler(method, path, headers, body):
        found = next((name for name in names if name in json.loads(body)), None)
        return refusal(400, f"Unsupported parameter: {found}", param=found) if found else answer()
    return handler


REFUSED = {"temperature": 0.2, "seed": 1, "logprobs": True, "top_logprobs": 2, "max_tokens": 5, "top_p": 0.9}


@pytest.mark.parametrize(("name", "value"), REFUSED.items())
def test_a_refused_parameter_is_adapted_once_and_said_aloud_once(loopback, monkeypatch, capsys, name, value):
    client = connected(monkeypatch, loopback(refusing(name)))
    assert [say(client, text, **{name: value}) for text in "abc"] == ["delivery"] * 3
    assert loopback.count == 4
    sent = loopback.requests[-1].json
    assert name not in sent and (name != "max_tokens" or sent["max_completion_tokens"] == 5)
    how = "sent as max_completion_tokens" if name == "max_tokens" else "sent without it"
    assert capsys.readouterr().err == f"{MODEL} refuses {name!r}: {how} from now on.\n"


def test_several_refused_parameters_are_adapted_one_after_the_other(loopback, monkeypatch, capsys):
    client = connected(monkeypatch, loopback(refusing(*REFUSED)))
    assert say(client, **REFUSED) == "delivery"
    assert loopback.requests[-1].json == {"model": MODEL, "messages": question(), "max_completion_tokens": 5}
    assert capsys.readouterr().err.count("refuses") == len(REFUSED)


def test_calls_side_by_side_learn_it_together_and_none_fails(loopback, monkeypatch, capsys):
    together, first = threading.Barrier(8, timeout=60), threading.Semaphore(8)
    refuse = refusing("temperature")

    def handler(*asked):
        if first.acquire(blocking=False):
            together.wait()
        return refuse(*asked)

    client = connected(monkeypatch, loopback(handler))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: say(client, text, temperature=0), "abcdefgh")) == ["delivery"] * 8
    assert capsys.readouterr().err.count("refuses") == 1


def test_an_adapted_call_is_kept_as_it_was_asked(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(refusing("temperature")))
    say(client, temperature=0)
    asked = loopback.count
    assert say(new_process(monkeypatch), temperature=0) == "delivery"
    assert loopback.count == asked
    say(new_process(monkeypatch), temperature=1)
    assert loopback.count > asked


def test_what_changes_the_answer_is_never_dropped(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(refusing("response_format")))
    with pytest.raises(openai.BadRequestError, match="Unsupported parameter: response_format"):
        say(client, response_format={"type": "json_object"})
    assert loopback.count == 1


def test_a_refusal_of_what_was_not_sent_is_passed_on_in_silence(loopback, monkeypatch, capsys):
    client = connected(monkeypatch, loopback(always(refusal(400, "seed must be set", param="seed"))))
    with pytest.raises(openai.BadRequestError, match="seed must be set"):
        say(client, temperature=0)
    assert (loopback.count, capsys.readouterr().err) == (1, "")


def test_a_client_that_adapts_nothing_shows_the_refusal(loopback, monkeypatch):
    connected(monkeypatch, loopback(refusing("temperature")))
    with pytest.raises(openai.BadRequestError):
        say(provider.client_for(chosen(), adapt=False), temperature=0)


def test_a_body_is_adapted_by_renaming_or_leaving_out():
    body = {"model": "m", "max_tokens": 5, "seed": 1, "top_p": 1}
    adapted = {"model": "m", "max_completion_tokens": 5, "top_p": 1}
    assert adapted_body(body, {"max_tokens", "seed"}) == adapted
    assert adapted_body(body, set()) == body


# ---------------------------------------------------------------- streams

def test_a_stream_is_recorded_and_replayed_as_a_stream(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("one two three"))))
    assert heard(client) == "one two three"
    assert heard(new_process(monkeypatch)) == "one two three"
    assert loopback.count == 1


def test_a_stream_and_a_whole_reply_are_different_calls(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(in_turn(events("one two"), answer("whole"))))
    assert (heard(client), say(client), heard(client)) == ("one two", "whole", "one two")
    assert loopback.count == 2


def test_a_stream_counts_its_tokens_when_it_says_them(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("delivery"))))
    row = evaluate(lambda example: heard(client), examples(1)).rows.iloc[0]
    assert (row.prompt_tokens, row.completion_tokens, row.right) == (10, 2, True)


@pytest.mark.parametrize("ending", [Loopback.CUT, b"\n"], ids=["connection cut", "end without [DONE]"])
def test_a_stream_cut_in_mid_reply_is_an_error_and_not_kept(loopback, monkeypatch, ending):
    url = loopback(in_turn(events("one two", ending=ending), events("one two three")))
    client = connected(monkeypatch, url)
    with pytest.raises(BadReply, match=r"loop-1: the stream broke off in mid-reply"):
        heard(client)
    assert heard(client) == "one two three"
    assert heard(new_process(monkeypatch)) == "one two three"
    assert loopback.count == 2


def test_a_cut_stream_in_a_batch_is_a_failed_row(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(events("delivery", ending=Loopback.CUT))))
    run = evaluate(lambda example: heard(client), examples(1))
    assert run.failed == 1 and "broke off" in run.rows.error[0]


def test_a_compressed_stream_is_unpacked(loopback, monkeypatch):
    status, headers, pieces = events("one two")
    packed = status, headers | {"content-encoding": "gzip"}, gzip.compress(b"".join(pieces))
    client = connected(monkeypatch, loopback(always(packed)))
    assert (heard(client), heard(new_process(monkeypatch)), loopback.count) == ("one two", "one two", 1)


def test_a_stream_arrives_piece_by_piece(loopback, monkeypatch):
    read = threading.Event()
    status, headers, pieces = events("one two")

    def slowly():
        yield pieces[0]
        assert read.wait(60), "the first piece was held back until the last"
        yield from pieces[1:]

    client = connected(monkeypatch, loopback(lambda *_: (status, headers, slowly())))
    stream = iter(streaming(client))
    assert next(stream).choices[0].delta.content == "one"
    read.set()
    assert next(stream).choices[0].delta.content == "two"


# ---------------------------------------------------------------- the key

KEY = "sk-planted-4f9c1b7e02d84a6f"
LEAKS = {
    "401":            refusal(401, f"Incorrect API key provided: {KEY}."),
    "400":            refusal(400, f"malformed header: Bearer {KEY}"),
    "404":            (404, {}, f"no route for {KEY}".encode()),
    "500":            refusal(500, f"panic at authorization={KEY}"),
    "a 200, no JSON": (200, {}, f"{KEY} is what you sent".encode()),
    "an answer":      answer(f"your key is {KEY}"),
    "a stream":       events(f"your key is {KEY}"),
}


@pytest.fixture
def everything_said(capfd, caplog, monkeypatch):
    """Collect all that a reader could see: outputs, logs at their most talkative, and every file but .env."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    def collect(folder: Path) -> str:
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".env"]
        texts = [path.read_text(errors="replace") for path in files]
        return "\n".join([*seen, *capfd.readouterr(), caplog.text, *texts])

    collect.see = seen.append
    return collect


@pytest.mark.parametrize("reply", LEAKS.values(), ids=LEAKS)
@pytest.mark.parametrize("place", ["environment", ".env"])
def test_the_key_is_nowhere(loopback, monkeypatch, tmp_path, everything_said, place, reply):
    record_sleeps(monkeypatch)
    if place == ".env":
        (settings.ROOT / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
        client = connected(monkeypatch, loopback(always(reply)), COURSE_PRICE="1,1")
    else:
        client = connected(monkeypatch, loopback(always(reply)), COURSE_PRICE="1,1", OPENAI_API_KEY=KEY)
    asks = heard if "event-stream" in str(reply[1]) else say
    try:
        run = evaluate(lambda example: asks(client, example.input), examples(2), name="planted")
        everything_said.see(f"{run!r} {run._repr_html_()} {run.rows.error.to_list()}")
        if reply[0] != 200 or asks is say:
            everything_said.see(run.rows.to_csv())
    except openai.OpenAIError as error:
        everything_said.see("".join(traceback.format_exception(error)) + repr(error) + str(vars(error)))
    everything_said.see(repr(chosen()) + provider.answering())
    seen = everything_said(tmp_path)
    assert loopback.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "loop-1" in seen and "planted" in seen
    assert KEY not in seen


def test_a_key_that_is_none_blots_out_no_word(loopback, monkeypatch):
    client = connected(monkeypatch, loopback(always(refusal(400, "none of the embedded models fits"))))
    with pytest.raises(openai.BadRequestError, match="none of the embedded models fits"):
        say(client)


def test_the_ledger_and_the_store_of_a_priced_call_exist_to_be_searched(loopback, monkeypatch):
    say(connected(monkeypatch, loopback(always(answer())), COURSE_PRICE="1,1", OPENAI_API_KEY=KEY))
    names = sorted(path.name.split("-")[0] for path in store_folder().iterdir())
    assert names == ["ledger.jsonl", "replies"]


def test_a_target_hides_its_key():
    assert KEY not in repr(Target("m", "https://example.org/v1", KEY))


# ---------------------------------------------------------------- files and jobs, to the embedded model's service

@pytest.fixture
def embedded_client(loopback, monkeypatch) -> OpenAI:
    """A client of the embedded model, whose service is a loopback server and whose weights nobody may fetch."""
    url = loopback(always((200, {}, {"id": "file-1", "object": "list", "data": [], "has_more": False})))
    monkeypatch.setattr(transport.service, "running", lambda: SimpleNamespace(base_url=url, api_key="service-key"))
    monkeypatch.setattr(transport.weights, "chat_model_path", forbidden)
    return provider.connect()[0]


def forbidden(*_: object) -> None:
    raise weights.WeightsError("The weights were asked for.")


def test_a_file_reaches_the_service_whole_and_needs_no_weights(embedded_client, loopback):
    content = b'{"messages": []}\n\xff\r\n' * 50_000
    assert embedded_client.files.create(file=("train.jsonl", content), purpose="fine-tune").id == "file-1"
    (asked,) = loopback.requests
    assert (asked.method, asked.path) == ("POST", "/v1/files")
    assert asked.headers["authorization"] == "Bearer service-key"
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert content in asked.body and b'filename="train.jsonl"' in asked.body


def test_looking_at_jobs_needs_no_weights_and_making_one_does(embedded_client, loopback):
    embedded_client.fine_tuning.jobs.retrieve("ftjob-1")
    embedded_client.fine_tuning.jobs.list_events("ftjob-1", limit=5, after="ftevent-1")
    embedded_client.fine_tuning.jobs.cancel("ftjob-1")
    embedded_client.models.delete("ft:a:b:c:d")
    assert [asked.path for asked in loopback.requests] == [
        "/v1/fine_tuning/jobs/ftjob-1", "/v1/fine_tuning/jobs/ftjob-1/events?after=ftevent-1&limit=5",
        "/v1/fine_tuning/jobs/ftjob-1/cancel", "/v1/models/ft:a:b:c:d"]
    with pytest.raises(NoWeights, match="The weights were asked for"):
        embedded_client.fine_tuning.jobs.create(model="any", training_file="file-1")
