"""Decide who answers: the embedded model, a hosted one, or another server, as the settings say.

Data leaves this machine only when the reader asked for it: a key alone changes nothing.
Does not: send anything, except one look at a server's model list when no model is named.
"""
from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from openai import OpenAI, OpenAIError

from helpers.local import tuned, weights
from helpers.provider.budget import Price
from helpers.settings import SettingError, setting

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Target:
    """Who answers. `base_url` is None for the embedded model, whose service starts when first needed."""

    model: str
    base_url: str | None
    api_key: str = field(repr=False)

    @property
    def embedded(self) -> bool:
        return self.base_url is None

    @property
    def host(self) -> str:
        return _host(self.base_url) if self.base_url else "this machine"

    @property
    def on_this_machine(self) -> bool:
        return self.embedded or is_loopback(urlsplit(self.base_url).hostname or "")

    def fingerprint(self, endpoint: str, model: str) -> str:
        """Return what decides an answer, apart from the request."""
        if not self.embedded:
            return self.host
        if model.startswith(tuned.PREFIX):
            return model        # named after all that made it: the base's fingerprint, data, settings, seed
        return weights.MINILM.fingerprint if endpoint == "embeddings" else weights.chat_model_fingerprint(model)

    def price(self, model: str, batched: bool = False) -> Price:
        return Price(model, free=self.on_this_machine and not setting("COURSE_PRICE"), batched=batched)


def chosen() -> Target:
    """Return who answers, by OPENAI_BASE_URL, COURSE_MODEL and OPENAI_API_KEY. Raises SettingError."""
    url, model, key = setting("OPENAI_BASE_URL"), setting("COURSE_MODEL"), setting("OPENAI_API_KEY")
    if url:
        return Target(model or _first_model(url, key), url, key or "none")
    if model and model not in weights.CHAT_MODELS and not setting("COURSE_WEIGHTS"):
        return _hosted(model, key)
    if key:
        _say_key_is_not_used()
    return embedded()


def embedded(model: str = "") -> Target:
    """Return an embedded model, the default or one named, whatever the settings say. Raises SettingError.

    Example: embedded("smollm2-135m").on_this_machine -> True
    """
    if model and model not in weights.chat_model_names():
        raise SettingError(f"{model!r} is no model of the course: it has {', '.join(weights.chat_model_names())}. Name "
                           "any other with COURSE_MODEL, and call connect() without a name.")
    return Target(model or weights.chat_model_name(), None, "embedded")


def _hosted(model: str, key: str) -> Target:
    if not key:
        raise SettingError(f"COURSE_MODEL={model!r} is a hosted model and OPENAI_API_KEY is empty. Set the key in the "
                           "environment or in .env, name a server with OPENAI_BASE_URL, or unset COURSE_MODEL to use "
                           f"the embedded {weights.DEFAULT_CHAT_MODEL}.")
    return Target(model, OPENAI_URL, key)


def _first_model(url: str, key: str) -> str:
    """Ask a server for its first model."""
    try:
        models = OpenAI(base_url=url, api_key=key or "none", max_retries=1, timeout=10).models.list().data
    except OpenAIError as error:
        raise SettingError(f"OPENAI_BASE_URL: {_host(url)} did not list its models ({type(error).__name__}). Is it "
                           "running, and is OPENAI_API_KEY its key? To skip this question, name the model: "
                           "COURSE_MODEL=...") from None
    if not models:
        raise SettingError(f"OPENAI_BASE_URL: {_host(url)} lists no model. Name one with COURSE_MODEL.")
    return models[0].id


def _host(url: str) -> str:
    """Example: _host("https://me:secret@example.org:8000/v1") -> "example.org:8000" """
    return urlsplit(url).netloc.rpartition("@")[2]


def _say_key_is_not_used() -> None:
    print("OPENAI_API_KEY is set and not used: the embedded model answers and nothing leaves this machine. "
          "To use a hosted model, set COURSE_MODEL to its name as well.", file=sys.stderr)


def is_loopback(host: str) -> bool:
    """Example: is_loopback("127.0.0.1") -> True; is_loopback("api.openai.com") -> False"""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
