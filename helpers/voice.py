"""The voice of the house as rules that code can check.

    kept("Hello Ines,\n…\nThe Otterbrook desk", name="Ines", facts=[["14 March"]]) -> {"greeting": True, …}

The rules stand in words in data/voice/guide.md; the last one, facts, asks whether every fact is there in one of its
spellings. Does not: judge whether a reply reads well, or whether it adds a fact.
"""
from __future__ import annotations

import re
from collections.abc import Callable

SIGN_OFF = "The Otterbrook desk"
SHORTEST, LONGEST = 30, 75      # words between greeting and sign-off
APOLOGY = re.compile(r"\b(sorry|apologi[sz]\w*|apolog(?:y|ies)|regret\w*|afraid)\b")
PROMISE = re.compile(r"\b(guarantee\w*|promise\w*|definitely|certainly|rest assured|always|never|100%|without fail|"
                     r"no matter what|you can count on)(?!\w)")
STIFF = re.compile(r"\b(unfortunately|inconvenience\w*|kindly|valued|regarding|hesitate|please be advised|as per|"
                   r"in order to|utili[sz]e\w*|assist\w*|ensure\w*|reach out|process your request)\b")
PICTURE = re.compile("[\U0001F300-\U0001FAFF\u2600-\u27BF]")
NEXT = re.compile(r"(?:^|[.?:]\s+|\n)Next, ")
CAPITALS = re.compile(r"\b[A-Z]{4,}\b")
CONTRACTION = re.compile(r"\w'(?:re|ve|ll|d|t|m)\b|\b(?:it|that|here|there|what|who|he|she|let|everything)'s\b")

RULES: dict[str, Callable[[str], bool]] = {
    "length": lambda body: SHORTEST <= len(body.split()) <= LONGEST,
    "apologies": lambda body: len(APOLOGY.findall(body.lower())) <= 1,
    "no promise": lambda body: not PROMISE.search(body.lower()),
    "next step": lambda body: len(NEXT.findall(body)) == 1,
    "plain words": lambda body: not STIFF.search(body.lower()),
    "calm": lambda body: "!" not in body and not CAPITALS.search(body) and not PICTURE.search(body),
    "warm": lambda body: len(re.findall(r"\byour?\b", body.lower())) >= 2 and bool(CONTRACTION.search(body.lower())),
}
NAMES = ["greeting", "sign-off", *RULES, "facts"]


def kept(reply: str, name: str | None, facts: list[list[str]]) -> dict[str, bool]:
    """Return which rules a reply keeps. `name` is the customer's, None if the draft has none; each fact is a list of
    spellings, one of which must be in the reply."""
    reply = reply.replace("’", "'").strip()
    lines = [line.strip() for line in reply.splitlines() if line.strip()] or [""]
    greeted, signed = lines[0] == f"Hello {name or 'there'},", lines[-1] == SIGN_OFF
    body = "\n".join(lines[greeted:len(lines) - signed])
    words = " ".join(body.split())
    return {"greeting": greeted, "sign-off": signed,
            **{rule: holds(body if rule == "next step" else words) for rule, holds in RULES.items()},
            "facts": all(any(_stands(spelling, reply) for spelling in fact) for fact in facts)}


def _stands(spelling: str, reply: str) -> bool:
    """Say whether a spelling stands in a reply, and not inside a longer number: "£49" not in "£490"."""
    alone = rf"(?<!\d)(?<!\d[.,]){re.escape(spelling)}(?!\d|[.,](?!00\b)\d)"      # £96.00 is £96
    return re.search(alone, reply, re.IGNORECASE) is not None
