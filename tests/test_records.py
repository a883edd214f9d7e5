"""Records are read from replies as they come, and values that mean the same count as the same."""
from __future__ import annotations

from datetime import date

import pytest

from helpers import records


@pytest.mark.parametrize(("reply", "found"), [
    ('{"vendor": "Wren & Sons"}', [{"vendor": "Wren & Sons"}]), ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
    ({"a": 1}, [{"a": 1}]), ("[]", []), ('{"vendor": null, "items": []}', []), ('{"amount": 0}', [{"amount": 0}]),
    ("Here you are: {}", None), ('["vendor"]', None), ("12", None), ("", None), (None, None), ('{"a": 1', None),
    ('{"a":' * 50_000, None)])
def test_a_reply_is_read_as_records_or_not_at_all(reply, found):
    assert records.read(reply) == found


@pytest.mark.parametrize(("written", "number"), [
    ("1,234.50", 1234.5), ("1.234,50 €", 1234.5), ("1'234.50 CHF", 1234.5), ("1 241,40", 1241.4), ("£8", 8.0),
    ("0.125", 0.125), ("1.9820", 1.982), ("-.5", -0.5), ("204.00-", -204.0), ("(12.50)", -12.5), ("1" * 310, None),
    ("-3,5", -3.5), ("− 204.00", -204.0), ("1.234", 1234.0), ("1.234.567,8", 1234567.8), (12, 12.0), (0, 0.0),
    ("2 at 4.50", None), ("none", None), ("", None), (None, None), (True, None), ([1], None)])
def test_a_number_is_read_as_people_write_it(written, number):
    assert records.as_number(written) == number


@pytest.mark.parametrize(("written", "day"), [
    ("2026-04-03", date(2026, 4, 3)), ("03.04.2026", date(2026, 4, 3)), ("3 April 2026", date(2026, 4, 3)),
    ("Apr 3, 2026", date(2026, 4, 3)), ("04/13/2026", date(2026, 4, 13)), ("April 2026", None), ("12", None),
    ("2026-04-03T00:00:00", date(2026, 4, 3)), ("2026/04/03", date(2026, 4, 3)), ("20260403", date(2026, 4, 3)),
    ("14. März 2026", date(2026, 3, 14)), ("3 avril 2026", date(2026, 4, 3)), ("2026-13-01", None),
    ("soon", None), ("", None), (None, None), (20260403.5, None)])
def test_a_date_is_read_whole_or_not_at_all(written, day):
    assert records.as_date(written) == day


@pytest.mark.parametrize(("right", "given", "same"), [
    (49.0, "49,00", True), (49.0, 49.01, False), (0.0, None, False), (None, None, True), (None, "", False),
    ("2026-03-14", "14.03.2026", True), ("2026-03-14", "2026-04-14", False), ("", "x", False),
    ("LF-20817", "lf 20817", True), ("2025/188", "2025", False), ("588-2734", "2734", False), ("49", "149", False),
    ("EUR", "eur", True)])
def test_values_that_mean_the_same_are_the_same(right, given, same):
    assert records.alike(right, given) is same


@pytest.mark.parametrize(("right", "given", "same"), [
    ("Larkfont LLC", "larkfont, llc.", True), ("Larkfont LLC", "Larkfont", True), ("Larkfont", "Lark", False),
    ("J.W. Ostler, Master Locksmith", "Ostler", False), ("J.W. Ostler", "JW Ostler", True),
    ("M\u00fcller", "Mu\u0308ller", True)])
def test_a_name_may_lack_a_legal_form_but_not_its_half(right, given, same):
    assert records.alike(right, given, loose=True) is same


def test_only_names_may_lack_a_part():
    gold = [{"vendor": "Larkfont LLC", "invoice_number": "2025/188"}]
    given = [{"vendor": "Larkfont", "invoice_number": "2025"}]
    assert records.marks(gold, given, ["vendor", "invoice_number"]) == {"vendor": True, "invoice_number": False}


def lines(*amounts: object) -> list[dict]:
    return [{"description": "soap", "quantity": None, "amount": amount} for amount in amounts]


def test_lines_are_compared_in_order_and_in_number():
    assert records.alike(lines(1.0, 2.0), lines("1,00", 2))
    assert not records.alike(lines(1.0, 2.0), lines(2.0, 1.0))
    assert not records.alike(lines(1.0), lines(1.0, 1.0))
    assert not records.alike(lines(1.0), ["soap 1.00"])
    assert not records.alike(lines(1.0), [{"description": "soap", "amount": 1.0, "quantity": 1}])


def test_marks_are_given_field_by_field_and_need_every_record():
    gold = [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]
    assert records.marks(gold, [{"a": "1", "b": "x"}, {"a": 2, "b": "z"}], ["a", "b"]) == {"a": True, "b": False}
    assert records.marks(gold, gold[:1], ["a", "b"]) == {"a": False, "b": False}
    assert records.marks([], [], ["a"]) == {"a": True}


def test_exact_marks_forgive_nothing():
    gold = [{"a": 1.0, "b": "x"}]
    assert records.marks(gold, [{"a": 1, "b": "x"}], ["a", "b"], exact=True) == {"a": True, "b": True}
    assert records.marks(gold, [{"a": "1.0", "b": "X"}], ["a", "b"], exact=True) == {"a": False, "b": False}
    assert not records.marks(gold, [{"a": True, "b": "x"}], ["a"], exact=True)["a"]
