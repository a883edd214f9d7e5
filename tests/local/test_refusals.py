"""Refusals have OpenAI's shape and name the one thing to change."""
from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from helpers.local.refusals import ApiError, refusal


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int


class Outer(BaseModel):
    inner: Inner


@pytest.mark.parametrize(("body", "param", "code", "words"), [
    ({"inner": {"size": "x"}}, "inner.size", None, "inner.size: .*integer"),
    ({"inner": {"size": 1, "hue": 2}}, "inner.hue", "unknown_parameter", "inner.hue.*leave it out"),
    ({}, "inner", None, "inner: Field required"),
])
def test_a_refusal_names_what_lies_deepest(body, param, code, words):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(body)
    error = refusal(caught.value)
    assert (error.status, error.body["error"]["param"], error.body["error"]["code"]) == (400, param, code)
    with pytest.raises(ApiError, match=words):
        raise error
