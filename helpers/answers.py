"""Judge a short answer to a question: does it say what it should, and does it decline when it should?

    holds("You have 21 days for that.", ["21 days", "three weeks"]) -> True
    declines("I don't know, the pages do not say.") -> True

Words are compared whole: "incorrect" does not hold "correct", nor "121 days" "21 days". Does not: understand; a reply
that says "not 21 days" holds "21 days", and one that names two numbers holds both.
"""
from __future__ import annotations

import re
from collections.abc import Iterable

WORDS = re.compile(r"[£€$]?\d+(?:[.,:]\d+)*%?|[^\W\d_]+(?:'[^\W\d_]+)*")
SOURCE = r"(?:passages?|pages?|texts?|handbook|documents?|context)"
NOT = r"(?:not|n't)(?: \w+ly)?"
DECLINING = re.compile(
    # I don't know; we cannot tell; unable to find
    r"\b(?:(?:do|did|could|can)(?: not|n't)|can't|cannot|unable to|not able to)(?: \w+ly)? "
    r"(?:know|say|tell|find|answer|determine)\b"
    # the page does not mention it; I don't have that information
    rf"|\b{SOURCE}(?: \w+)? (?:do|does|did)(?: not|n't)(?: \w+ly)? \w+"
    r"|\b(?:do|does|did)(?: not|n't) (?:have|contain|give|provide|include)(?: \w+){0,3} "
    r"(?:information|answer|details)\b"
    # it is not in the pages; it isn't stated
    rf"|(?:\bnot|n't) (?:in|on|part of) (?:the|this|these|any|our|my) (?:\w+ )?{SOURCE}\b"
    rf"|(?:\bis|\bare|\bwas|\bwere) ?{NOT} (?:stated|mentioned|specified|given|known|provided|listed)\b"
    r"|\bcannot be (?:determined|answered|found)\b|\bno (?:information|answer|mention|details)\b"
    r"|(?:\bnot|n't) sure\b|\bunknown\b|^not (?:stated|mentioned|given|specified)\b")


def holds(reply: str, spellings: Iterable[str]) -> bool:
    """Say whether one of the spellings stands in the reply, as whole words.

    Example: holds("It costs £3.50 a parcel", ["£3.50"]) -> True
    """
    said = f" {_plain(reply)} "
    return any(f" {_plain(spelling)} " in said for spelling in spellings)


def declines(reply: str) -> bool:
    """Say whether a reply says that it cannot answer. Example: declines("That is not in the passage.") -> True"""
    return bool(DECLINING.search(reply.lower().replace("’", "'")))


def _plain(text: str) -> str:
    words = WORDS.findall(text.lower().replace("’", "'"))
    return " ".join(re.sub(r"(?<=\d)\.00$", "", word) for word in words)     # £48.00 is £48
