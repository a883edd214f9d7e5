"""What stands behind the plain `openai` client: recordings, then budget, then the provider.

The SDK sends HTTP requests through this transport and never knows. A request seen before is answered from the
recordings; a new one is priced, allowed or stopped, sent, and kept, or put off until a batch has answered it.
Does not: retry (the SDK does), record fine-tuning (see tuning.py), or change a request without saying so aloud.
"""
from __future__ import annotations

import datetime
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, suppress
from functools import cached_property, partial

import httpx2
from openai import DefaultHttpx2Client, OpenAI, OpenAIError

from helpers.local import service, weights
from helpers.provider import collection, meter, tuning
from helpers.provider.budget import Budget, Entry, Tokens, most_tokens
from helpers.provider.client import with_shortcut
from helpers.provider.collection import Failure, Unanswered
from helpers.provider.recordings import Call, Recorded
from helpers.provider.shelves import NotRecorded, Shelves
from helpers.provider.target import Target

CHAT = "chat/completions"
RECORDED = (CHAT, "embeddings")
NEED_WEIGHTS = (*RECORDED, "fine_tuning/jobs")
VOLATILE = ("id", "created", "timings", "system_fingerprint", "service_tier")
RENAMED = {"max_tokens": "max_completion_tokens"}       # what newer models call it
DROPPED = ("temperature", "top_p", "seed", "logprobs", "top_logprobs", "frequency_penalty", "presence_penalty")


EMBEDDED_URL = "http://embedded.localhost/v1"       # stands for the service until a request needs it
RETRIES = 4         # connection errors, 408, 409, 429 and 5xx, by the SDK's rules
REFUSED = 400       # a request that no asking again will change
NO_SECRET = ("none", "embedded")        # what stands in for a key where none is needed


class NoWeights(OpenAIError):
    """The embedded model was asked, and its weights are not there and could not be fetched."""


class BadReply(OpenAIError):
    """The server answered with something that is no reply."""


class CourseTransport(httpx2.BaseTransport):
    """Recordings → budget → provider, under any `openai` client."""

    def __init__(self, target: Target, shelves: Shelves, budget: Budget, *, adapt: bool = True):
        self.target, self.shelves, self.budget, self.adapt = target, shelves, budget, adapt
        self.adapted: dict[str, set[str]] = {}      # model -> parameters it refuses, learned on the way
        self._turn = threading.Lock()

    @cached_property
    def _inner(self) -> httpx2.HTTPTransport:
        """What really sends. Made when first needed: reading the certificates takes 40 ms, and a replay needs none."""
        return httpx2.HTTPTransport(limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self.target.embedded and tuning.concerns(request):
            return tuning.answer(request, self.shelves, partial(self.target.fingerprint, CHAT), self._send)
        endpoint = next((end for end in RECORDED if request.url.path.endswith("/" + end)), None)
        if request.method != "POST" or endpoint is None:
            return self._send(request)
        body = json.loads(request.read())
        call = Call(endpoint, self.target.fingerprint(endpoint, body["model"]), body, meter.current_repeat())
        row = collection.current_row() if endpoint == CHAT else None
        outcome = row.outcome(call) if row else None
        if isinstance(outcome, Failure):
            return _failed(outcome)
        recorded = outcome or self.shelves.find(call)
        if recorded:
            if not _is_refusal(recorded):
                self._count(call, recorded, replayed=True)
            return _replayed(call, recorded)
        if self.shelves.only_replay:
            raise NotRecorded(_not_recorded(call))
        if row:
            row.wait(call, self)
        return self._ask(call, request)

    # ------------------------------------------------------------ asking for real

    def _ask(self, call: Call, request: httpx2.Request) -> httpx2.Response:
        price = self.target.price(call.request["model"])
        with ExitStack() as held:
            if not price.free:
                held.enter_context(self.budget.reserve(price, call.request))
            started = time.perf_counter()
            response = self._send_adapted(call.request, request)
            if call.request.get("stream") and response.status_code == 200:
                return self._recording_stream(call, response, started, held.pop_all())
            text = self.blotted(response.read())
            if response.status_code == 200:
                reply = _checked(call, text)
                self._keep(call, _lasting(reply), _seconds(reply, time.perf_counter() - started))
            elif response.status_code == REFUSED and self.target.embedded:     # it will refuse the same tomorrow
                self.shelves.keep(call, Recorded(json.loads(text), time.perf_counter() - started))
        return httpx2.Response(response.status_code, headers=_plain_headers(response), content=text, request=request)

    def _keep(self, call: Call, reply: dict | str, seconds: float) -> None:
        recorded = Recorded(reply, seconds)
        self.shelves.keep(call, recorded)
        self._count(call, recorded, replayed=False)

    def _count(self, call: Call, recorded: Recorded, *, replayed: bool) -> None:
        """Tell the meter and the ledger."""
        model, tokens = call.request["model"], tokens_used(recorded.reply)
        price = self.target.price(model, batched=recorded.batched)
        try:
            cost = price.of(tokens if tokens != Tokens() else most_tokens(call.request))    # it may not say
        except OpenAIError:
            if not replayed:
                raise
            cost = 0.0      # a recorded reply of a model whose price is no longer known
        meter.count(meter.Metered(tokens, cost, recorded.seconds, replayed, _cut_off(recorded.reply)))
        if not price.free:
            today = datetime.date.today().isoformat()
            self.budget.record(Entry(today, model, tokens.prompt, tokens.completion, cost, 0.0 if replayed else cost))

    def _recording_stream(self, call: Call, response: httpx2.Response, started: float,
                          held: ExitStack) -> httpx2.Response:
        def keep(text: bytes) -> None:
            with held:
                seconds = time.perf_counter() - started
                if _ended(text):
                    self._keep(call, self.blotted(text).decode(), seconds)
                else:       # one that was cut or left early is not kept; it may have cost the most it could
                    self._count(call, Recorded("", seconds), replayed=False)
        return httpx2.Response(200, headers=_plain_headers(response), stream=_Tee(response, call, keep))

    # ------------------------------------------------------------ what comes in batches

    def adapted_request(self, call: Call) -> dict:
        """Return a request without the parameters that its model is known to refuse."""
        return adapted_body(call.request, self.adapted.get(call.request["model"], set()))

    def keep_batched(self, call: Call, body: object) -> Recorded:
        """Keep a reply that came in a batch. Raises BadReply for one that is none."""
        reply = _checked(call, json.dumps(body).encode())
        recorded = Recorded(_lasting(reply), _seconds(reply, math.nan), batched=True)
        self.shelves.keep(call, recorded)
        return recorded

    def take_refusal(self, call: Call, sent: Container[str], body: dict) -> bool:
        """Learn from a request that was refused in a batch; say whether it is to be sent again, in another way.

        `sent` are the names of the parameters it was sent with.
        """
        name = _parameter_of(body)
        if self.adapt and name in sent:
            self._learn(call.request["model"], name)
            return True
        if self.target.embedded:        # it will refuse the same tomorrow
            self.shelves.keep(call, Recorded(body, math.nan))
        return False

    # ------------------------------------------------------------ sending

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        """Send as it is; to the embedded model's service, started now if it is not running."""
        if self.target.embedded:
            _fetch_weights_for(request)
            running = service.running()
            request = _redirected(request, running.base_url, running.api_key)
        response = self._inner.handle_request(request)
        return response if response.status_code < 400 else self._without_key(response)

    def _send_adapted(self, body: dict, request: httpx2.Request) -> httpx2.Response:
        """Send; when a parameter is refused that changes only the manner of the answer, send without it."""
        refused = self.adapted.setdefault(body["model"], set())
        while True:
            sent = frozenset(refused)
            response = self._send(_with_body(request, adapted_body(body, sent)))
            name = _refused_parameter(response) if self.adapt and response.status_code == 400 else None
            if name is None or name in sent or name not in body:
                return response
            self._learn(body["model"], name)

    def _learn(self, model: str, name: str) -> None:
        """Send a model no such parameter any more; calls side by side learn the same, and it is said once."""
        with self._turn:
            refused = self.adapted.setdefault(model, set())
            if name not in refused:
                how = f"sent as {RENAMED[name]}" if name in RENAMED else "sent without it"
                print(f"{model} refuses {name!r}: {how} from now on.", file=sys.stderr)
            refused.add(name)

    def _without_key(self, response: httpx2.Response) -> httpx2.Response:
        """Return an error reply in which the key, should the server repeat it, is blotted out."""
        text = self.blotted(response.read())
        return httpx2.Response(response.status_code, headers=_plain_headers(response), content=text)

    def blotted(self, text: bytes) -> bytes:
        """Return a text without the key, should the server repeat it."""
        key = self.target.api_key
        return text if key in NO_SECRET else text.replace(key.encode(), b"[key]")

    def close(self) -> None:
        if "_inner" in vars(self):
            self._inner.close()


class Direct(httpx2.BaseTransport):
    """The same way to the provider, past recordings and budget: for batches, which keep their own account."""

    def __init__(self, transport: CourseTransport):
        self.transport = transport

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        return self.transport._send(request)


def client_of(target: Target, transport: httpx2.BaseTransport) -> OpenAI:
    """Return a plain client for the target whose requests take this way."""
    return with_shortcut(OpenAI(base_url=target.base_url or EMBEDDED_URL, api_key=target.api_key, max_retries=RETRIES,
                                http_client=DefaultHttpx2Client(transport=transport)))


class _Tee(httpx2.SyncByteStream):
    """Pass a stream on and hand what passed over when it is closed: the SDK does not read past [DONE]."""

    def __init__(self, response: httpx2.Response, call: Call, at_end: Callable[[bytes], None]):
        self.response, self.call, self.at_end = response, call, at_end
        self.passed = b""

    def __iter__(self) -> Iterator[bytes]:
        with suppress(httpx2.NetworkError, httpx2.RemoteProtocolError):
            for chunk in self.response.iter_bytes():        # unpacked, should the server compress
                self.passed += chunk
                yield chunk
        if not _ended(self.passed):
            raise BadReply(f"{self.call.request['model']}: the stream broke off in mid-reply, without its end mark "
                           "[DONE]. Ask again; the part that came was not kept.")

    def close(self) -> None:
        self.response.close()
        self.at_end(self.passed)


def _ended(events: bytes) -> bool:
    return events.rstrip().endswith(b"[DONE]")


# ---------------------------------------------------------------- requests

def adapted_body(body: dict, refused: set[str]) -> dict:
    """Return a request without the parameters a model refuses.

    Example: adapted_body({"model": "m", "max_tokens": 5, "seed": 1}, {"max_tokens", "seed"})
    -> {"model": "m", "max_completion_tokens": 5}
    """
    renamed = {RENAMED[name] if name in refused and name in RENAMED else name: value for name, value in body.items()}
    return {name: value for name, value in renamed.items() if name not in refused or name not in DROPPED}


def _refused_parameter(response: httpx2.Response) -> str | None:
    """Return the parameter an error names, if going without it only changes the manner of the answer."""
    try:
        return _parameter_of(json.loads(response.read()))
    except ValueError:
        return None


def _parameter_of(error: object) -> str | None:
    try:
        name = error["error"].get("param")
    except (KeyError, TypeError, AttributeError):
        return None
    return name if name in DROPPED or name in RENAMED else None


def _with_body(request: httpx2.Request, body: dict) -> httpx2.Request:
    headers = {name: value for name, value in request.headers.items() if name != "content-length"}
    return httpx2.Request(request.method, request.url, headers=headers, json=body, extensions=request.extensions)


def _fetch_weights_for(request: httpx2.Request) -> None:
    if request.method == "POST" and request.url.path.endswith(NEED_WEIGHTS):
        embeds = request.url.path.endswith("/embeddings")
        fetch_weights(weights.MINILM.name if embeds else json.loads(request.read()).get("model"))


def fetch_weights(model: str | None) -> None:
    """Fetch what the service will need, here, where its progress and its complaints are seen. Raises NoWeights."""
    try:
        if model == weights.MINILM.name:
            weights.ensure(weights.MINILM)
        else:
            weights.chat_model_path(model)
    except weights.WeightsError as error:
        raise NoWeights(str(error)) from error


def _redirected(request: httpx2.Request, base_url: str, api_key: str) -> httpx2.Request:
    url = base_url + "/" + request.url.raw_path.decode().split("/v1/", 1)[-1]
    headers = {name: value for name, value in request.headers.items() if name != "host"}
    headers["authorization"] = f"Bearer {api_key}"
    return httpx2.Request(request.method, url, headers=headers, content=request.read(), extensions=request.extensions)


# ---------------------------------------------------------------- replies

def tokens_used(reply: dict | str) -> Tokens:
    """Return what a reply says it used; a streamed one says it in its last event, if it was asked to.

    Example: tokens_used({"usage": {"prompt_tokens": 9, "completion_tokens": 2}}) -> Tokens(9, 0, 2)
    """
    if isinstance(reply, str):
        events = [json.loads(line[6:]) for line in reply.splitlines() if line.startswith("data: {")]
        reply = next((event for event in reversed(events) if event.get("usage")), {})
    usage = reply.get("usage") or {}
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return Tokens(usage.get("prompt_tokens") or 0, cached, usage.get("completion_tokens") or 0)


def _cut_off(reply: dict | str) -> bool:
    """Return whether the token limit ended the answer."""
    if isinstance(reply, str):
        return '"finish_reason":"length"' in reply.replace(" ", "")
    return any(choice.get("finish_reason") == "length" for choice in reply.get("choices", []))


def _checked(call: Call, text: bytes) -> dict:
    """Return a reply's JSON. Raises BadReply."""
    expected = "choices" if call.endpoint == "chat/completions" else "data"
    try:
        reply = json.loads(text)
        if not reply[expected]:
            raise KeyError
    except (ValueError, KeyError, TypeError):
        start = text[:60].decode(errors="replace").strip() or "(nothing)"
        raise BadReply(f"{call.request['model']} sent a reply that is no {call.endpoint} answer; it begins {start!r}. "
                       "Is OPENAI_BASE_URL the address of an OpenAI-compatible API? It mostly ends in /v1.") from None
    return reply


def _lasting(reply: dict) -> dict:
    """Return a reply without what differs at every asking."""
    return {name: value for name, value in reply.items() if name not in VOLATILE and value is not None}


def _seconds(reply: dict, wall: float) -> float:
    """Return how long the model took: by the engine's own clock if it has one, as requests wait in line for it.

    Example: _seconds({"timings": {"prompt_ms": 40.0, "predicted_ms": 60.0}}, 1.7) -> 0.1
    """
    timings = reply.get("timings") or {}
    worked = (timings.get("prompt_ms") or 0) + (timings.get("predicted_ms") or 0)
    return worked / 1000 if worked else wall


def _replayed(call: Call, recorded: Recorded) -> httpx2.Response:
    """Return a recorded reply as the server would have sent it."""
    if isinstance(recorded.reply, str):
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=recorded.reply.encode())
    if _is_refusal(recorded):
        return httpx2.Response(REFUSED, json=recorded.reply)
    kind = {"chat/completions": "chat.completion", "embeddings": "list"}[call.endpoint]
    created = int(datetime.datetime.fromisoformat(recorded.date).timestamp())
    head = {"id": f"replayed-{call.key}", "object": kind, "created": created}
    return httpx2.Response(200, json=head | recorded.reply)


def _failed(failure: Failure) -> httpx2.Response:
    """Return what a batch says of a request it could not answer; nothing is won by asking again. Raises Unanswered."""
    if not failure.status:
        raise Unanswered(failure.message)
    return httpx2.Response(failure.status, json=failure.body, headers={"x-should-retry": "false"})


def _is_refusal(recorded: Recorded) -> bool:
    return isinstance(recorded.reply, dict) and "error" in recorded.reply


def _plain_headers(response: httpx2.Response) -> dict[str, str]:
    """Headers that still hold after the body was read and decoded."""
    gone = ("content-encoding", "content-length", "transfer-encoding")
    return {name: value for name, value in response.headers.items() if name not in gone}


def _not_recorded(call: Call) -> str:
    last = (call.request.get("messages") or [{"content": call.request.get("input")}])[-1]["content"]
    return (f"COURSE_REPLAY=only, and no reply of {call.request['model']!r} is recorded for {call.key}, a request "
            f"that ends {str(last)[-60:]!r}. Unset COURSE_REPLAY to ask the live model, or record it with "
            "`python course.py record`.")
