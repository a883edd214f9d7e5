"""Read records out of a reply, and judge them field by field.

A record is what was read out of one document: a dict of plain JSON values, `None` where the document does not say. A
reply holds one record, or a list of them; a record with nothing in it is no record.

    read("{\"vendor\": \"Larkfont LLC\", \"amount\": \"49.00\"}") -> [{"vendor": "Larkfont LLC", "amount": "49.00"}]
    marks([{"amount": 49.0}], [{"amount": "49.00"}]) -> {"amount": True}

Does not: say which fields a record has; a task's pydantic model does.
"""
from __future__ import annotations

import json
import re
from datetime import date, datetime

from dateutil import parser as dates

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
CENT = 0.005        # numbers closer than this are the same


def read(reply: object) -> list[dict] | None:
    """Return the records of a reply, None if it is not JSON of that form.

    Example: read("[]") -> []; read("Here you are: {}") -> None
    """
    if isinstance(reply, str):
        try:
            reply = json.loads(reply)
        except ValueError:
            return None
    records = [reply] if isinstance(reply, dict) else reply
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return None
    return [record for record in records if any(value not in (None, "", []) for value in record.values())]


def marks(gold: list[dict], given: list[dict], fields: list[str], exact: bool = False) -> dict[str, bool]:
    """Say of each field whether it is right in every record; with too many records or too few, none is.

    `exact` compares the JSON values as they are; otherwise "1.234,50" is 1234.5, 14.03.2026 is 2026-03-14, and a name
    may leave out a legal form or a remark.
    """
    if len(gold) != len(given):
        return dict.fromkeys(fields, False)
    same = _equal if exact else alike
    return {field: all(same(right[field], one.get(field)) for right, one in zip(gold, given, strict=True))
            for field in fields}


def alike(right: object, given: object) -> bool:
    """Say whether two values mean the same; what the right one is decides how they are compared.

    Example: alike(1234.5, "1.234,50 €") -> True; alike("2026-03-14", "14 March 2026") -> True; alike(None, 0) -> False
    """
    if right is None or given is None:
        return right is given
    if isinstance(right, list):
        return isinstance(given, list) and len(right) == len(given) and all(map(_alike_rows, right, given))
    if isinstance(right, int | float):
        number = as_number(given)
        return number is not None and abs(number - right) < CENT
    if ISO.fullmatch(str(right)):
        return as_date(given) == date.fromisoformat(right)
    return alike_names(str(right), str(given))


def _alike_rows(right: dict, given: object) -> bool:
    return isinstance(given, dict) and all(alike(value, given.get(name)) for name, value in right.items())


def _equal(right: object, given: object) -> bool:
    return right == given and isinstance(given, bool) == isinstance(right, bool)


def as_number(value: object) -> float | None:
    """Return a number as people write it, None if it is none. The last point or comma with one or two digits after it
    parts the decimals.

    Example: as_number("1'234.50 CHF") -> 1234.5; as_number("1.234") -> 1234.0; as_number("-3,5") -> -3.5
    """
    if isinstance(value, int | float):
        return None if isinstance(value, bool) else float(value)
    found = re.findall(r"[-−–]?\s?\d[\d.,'’\s]*", value) if isinstance(value, str) else []
    if len(found) != 1:
        return None
    sign = -1 if found[0][0] in "-−–" else 1
    digits = re.sub(r"[^\d.,]", "", found[0]).rstrip(".,")
    whole, _, decimals = re.fullmatch(r"(.*?)(?:([.,])(\d{1,2}))?", digits).groups(default="")
    return sign * float(f"{re.sub('[.,]', '', whole) or 0}.{decimals or 0}")


def as_date(value: object) -> date | None:
    """Return a date as people write it, day before month where both could be, None if it is none.

    Example: as_date("03.04.2026") -> date(2026, 4, 3)
    """
    try:
        if ISO.fullmatch(value):
            return date.fromisoformat(value)
        # what is missing is filled in from the default: with two defaults, a date without a year is none
        one, other = (dates.parse(value, dayfirst=True, default=day).date() for day in (datetime.min, datetime.max))
    except (ValueError, OverflowError, TypeError):
        return None
    return one if one == other else None


def alike_names(right: str, given: str) -> bool:
    """Say whether two names are the same but for case, spaces and punctuation, or one stands in the other.

    The shorter must be at least half as long. Example: alike_names("Larkfont LLC", "Larkfont") -> True
    """
    short, long = sorted((plain(right), plain(given)), key=len)
    return short == long or (2 * len(short) >= len(long) and f" {short} " in f" {long} ")


def plain(text: str) -> str:
    """Return a text's words in lower case. Example: plain("J. W. OSTLER,") -> "j w ostler" """
    return " ".join(re.findall(r"\w+", text.casefold()))
