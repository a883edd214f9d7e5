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
import unicodedata
from datetime import date, datetime
from typing import ClassVar

from dateutil import parser as dates

ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
NAMES = {"vendor", "description"}       # fields in which a legal form or a remark may be left out
CENT = 0.005        # numbers closer than this are the same
LARGEST = 1e15
NUMBER = re.compile(r"([-−–(]?)\s?(?:[£€$]\s?)?((?:\d|[.,](?=\d))[\d.,'’\s]*)(-(?!\w)|\))?")


def read(reply: object) -> list[dict] | None:
    """Return the records of a reply, None if it is not JSON of that form.

    Example: read("[]") -> []; read("Here you are: {}") -> None
    """
    if isinstance(reply, str):
        try:
            reply = json.loads(reply)
        except (ValueError, RecursionError):        # a model that loops may nest without end
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
    def same(field: str, right: object, said: object) -> bool:
        return _equal(right, said) if exact else alike(right, said, loose=field in NAMES)
    return {field: all(same(field, right[field], one.get(field)) for right, one in zip(gold, given, strict=True))
            for field in fields}


def alike(right: object, given: object, loose: bool = False) -> bool:
    """Say whether two values mean the same; what the right one is decides how they are compared.

    `loose` is for names, of which a part may be left out; an invoice number must be whole.

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
    return alike_names(str(right), str(given)) if loose else _squeezed(str(right)) == _squeezed(str(given))


def _alike_rows(right: dict, given: object) -> bool:
    return isinstance(given, dict) and all(
        alike(value, given.get(name), loose=name in NAMES) for name, value in right.items())


def _equal(right: object, given: object) -> bool:
    return right == given and isinstance(given, bool) == isinstance(right, bool)


def as_number(value: object) -> float | None:
    """Return a number as people write it, None if it is none. The last point or comma with one or two digits after it
    parts the decimals; with three after it, it parts the thousands, unless only a zero stands before it.

    Example: as_number("1'234.50 CHF") -> 1234.5; as_number("1.234") -> 1234.0; as_number("204.00-") -> -204.0
    """
    if isinstance(value, int | float):
        return None if isinstance(value, bool) or abs(value) > LARGEST else float(value)
    found = NUMBER.findall(value) if isinstance(value, str) else []
    if len(found) != 1:
        return None
    [(before, digits, after)] = found
    sign = -1 if before in ("-", "−", "–", "(") or after == "-" else 1
    digits = re.sub(r"[^\d.,]", "", digits).rstrip(".,")
    decimals = re.search(r"^0?[.,](\d+)$|[.,](\d{1,2})$|[.,](\d{4,})$", digits)
    part = next((group for group in decimals.groups() if group), "") if decimals else ""
    whole = digits[:len(digits) - len(part)]
    number = sign * float(f"{re.sub('[.,]', '', whole) or 0}.{part or 0}")
    return number if abs(number) <= LARGEST else None


class Months(dates.parserinfo):
    """The names of the months in the languages of the data, as dateutil wants them."""

    MONTHS: ClassVar = [
        ("jan", "january", "januar", "janvier", "enero", "gennaio", "januari", "janeiro", "stycznia", "ledna", "jän"),
        ("feb", "february", "februar", "février", "febrero", "febbraio", "februari", "fevereiro", "lutego", "února"),
        ("mar", "march", "märz", "mars", "marzo", "maart", "março", "marts", "marca", "března"),
        ("apr", "april", "avril", "abril", "aprile", "kwietnia", "dubna"),
        ("may", "mai", "mayo", "maggio", "mei", "maj", "maio", "maja", "května"),
        ("jun", "june", "juni", "juin", "junio", "giugno", "junho", "czerwca", "června"),
        ("jul", "july", "juli", "juillet", "julio", "luglio", "julho", "lipca", "července"),
        ("aug", "august", "août", "agosto", "augustus", "augusti", "sierpnia", "srpna"),
        ("sep", "sept", "september", "septembre", "septiembre", "settembre", "setembro", "września", "září"),
        ("oct", "october", "okt", "oktober", "octobre", "octubre", "ottobre", "outubro", "października", "října"),
        ("nov", "november", "novembre", "noviembre", "novembro", "listopada", "listopadu"),
        ("dec", "december", "dez", "dezember", "décembre", "diciembre", "dicembre", "dezembro", "grudnia", "prosince")]
    JUMP: ClassVar = [*dates.parserinfo.JUMP, "de", "le", "den", "del"]


def as_date(value: object) -> date | None:
    """Return a date as people write it, day before month where both could be, None if it is none.

    Example: as_date("03.04.2026") -> date(2026, 4, 3)
    """
    try:
        if ISO.fullmatch(value):
            return date.fromisoformat(value)
        # what is missing is filled in from the default: with two defaults, a date without a year is none
        year_first = re.match(r"\s*\d{4}", value) is not None
        one, other = (dates.parse(value, Months(), dayfirst=not year_first, default=day).date()
                      for day in (datetime.min, datetime.max))
    except (ValueError, OverflowError, TypeError):
        return None
    return one if one == other else None


def alike_names(right: str, given: str) -> bool:
    """Say whether two names are the same but for case, spaces and punctuation, or one stands in the other.

    The shorter must be at least half as long. Example: alike_names("Larkfont LLC", "Larkfont") -> True
    """
    short, long = sorted((plain(right), plain(given)), key=len)
    return _squeezed(right) == _squeezed(given) or (2 * len(short) >= len(long) and f" {short} " in f" {long} ")


def _squeezed(text: str) -> str:
    """Example: _squeezed("J.W. Ostler") -> "jwostler" """
    return "".join(re.findall(r"\w", unicodedata.normalize("NFC", text).casefold()))


def plain(text: str) -> str:
    """Return a text's words in lower case. Example: plain("J. W. OSTLER,") -> "j w ostler" """
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold()))
