"""What a provider can do, asked rather than assumed.

    client, model = connect()
    probe(client, model)

Providers that speak the same API differ: some ignore a schema without a word, some refuse `temperature`, many serve
no embeddings. `KNOWN` holds what their documentation says (looked up 2026-11-20, batches 2026-11-29); `probe` asks
seven small questions.
Does not: judge quality.
"""
from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import pandas as pd
from openai import OpenAI, OpenAIError

from helpers.provider.budget import OverBudget, UnknownPrice
from helpers.provider.transport import NotRecorded

YES, NO, IGNORED, REFUSED, UNKNOWN = "yes", "no", "ignored", "refused", "?"
NOT_AN_ANSWER = (OverBudget, UnknownPrice, NotRecorded)     # our own stops say nothing about the provider


@dataclass(frozen=True)
class Capabilities:
    """Each is yes, no, "ignored" (accepted without effect), "refused" (an error) or "?" (not found documented)."""

    schema: str         # response_format with a JSON schema is obeyed
    logprobs: str       # token probabilities come back
    seed: str           # accepted
    temperature: str    # accepted
    reasoning: str      # spends tokens on thinking before the answer
    tuning: str         # fine-tuning jobs can be listed
    batches: str        # ... and batches, of requests that can wait
    embeddings: str     # the same address serves embeddings


KNOWN = {
    "embedded":                     Capabilities(YES, YES, YES, YES, NO, YES, YES, YES),
    "OpenAI, reasoning models":     Capabilities(YES, UNKNOWN, UNKNOWN, REFUSED, YES, NO, YES, YES),
    "Anthropic, OpenAI layer":      Capabilities(IGNORED, IGNORED, IGNORED, YES, UNKNOWN, NO, UNKNOWN, NO),
    "vLLM, chat server":            Capabilities(YES, YES, YES, YES, UNKNOWN, NO, NO, NO),
}


def known() -> pd.DataFrame:
    """Return what is documented, a row for each kind of provider."""
    return pd.DataFrame([asdict(row) for row in KNOWN.values()], index=list(KNOWN))


def probe(client: OpenAI, model: str, *, embedding_model: str | None = None) -> Capabilities:
    """Ask the provider seven small questions and return what it does.

    Give it a client that adapts nothing (`client_for(target, adapt=False)`), or a refusal is hidden. Raises the SDK's
    exception when not even a plain question is answered. Example: probe(client, model).schema -> "yes"
    """
    plain = _ask(client, model)
    return Capabilities(
        schema=_schema(client, model),
        logprobs=_option(client, model, logprobs=True, seen=lambda reply: reply.choices[0].logprobs is not None),
        seed=_option(client, model, seed=1),
        temperature=_option(client, model, temperature=0),
        reasoning=YES if _thinks(plain) else NO,
        tuning=_served(lambda: client.fine_tuning.jobs.list(limit=1)),
        batches=_served(lambda: client.batches.list(limit=1)),
        embeddings=_served(lambda: client.embeddings.create(model=embedding_model or model, input="probe")),
    )


def _ask(client: OpenAI, model: str, **options: object):
    return client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Is water wet? Answer yes or no."}],
        max_completion_tokens=64, **options)


def _schema(client: OpenAI, model: str) -> str:
    schema = {"type": "object", "properties": {"colour": {"enum": ["teal"]}}, "required": ["colour"],
              "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "colour", "strict": True, "schema": schema}}
    return _option(client, model, response_format=wanted, seen=_says_teal)


def _says_teal(reply) -> bool:
    """No question about water is answered with this JSON unless the schema is obeyed."""
    try:
        return json.loads(reply.choices[0].message.content) == {"colour": "teal"}
    except (ValueError, TypeError):
        return False


def _option(client: OpenAI, model: str, seen=lambda reply: True, **option: object) -> str:
    try:
        return YES if seen(_ask(client, model, **option)) else IGNORED
    except NOT_AN_ANSWER:
        raise
    except OpenAIError:
        return REFUSED


def _served(request) -> str:
    try:
        request()
    except NOT_AN_ANSWER:
        raise
    except OpenAIError:
        return NO
    return YES


def _thinks(reply) -> bool:
    details = reply.usage and reply.usage.completion_tokens_details
    return bool(details and details.reasoning_tokens)
