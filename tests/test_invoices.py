"""The model of an invoice takes what the guide allows, and nothing else."""
from __future__ import annotations

import pytest
from pydantic import ValidationError

from helpers.invoices import Invoice

WHOLE = {"vendor": "Larkfont LLC", "invoice_number": "LF-20817", "date": "2025-11-28", "currency": "USD",
         "amount": 49.0, "items": [{"description": "web licence", "quantity": 1, "amount": 49.0}]}


def test_a_whole_invoice_and_an_empty_one_fit():
    assert Invoice.model_validate(WHOLE).date.year == 2025
    assert Invoice.model_validate(dict.fromkeys(WHOLE) | {"items": []}).amount is None


@pytest.mark.parametrize("change", [
    {"amount": "49,00"}, {"date": "28 November"}, {"items": None}, {"due": "2025-12-01"},
    {"items": [{"description": "web licence"}]}])
def test_what_the_guide_does_not_allow_does_not_fit(change):
    with pytest.raises(ValidationError):
        Invoice.model_validate(WHOLE | change)


def test_a_missing_field_is_not_taken_for_none():
    with pytest.raises(ValidationError):
        Invoice.model_validate({name: value for name, value in WHOLE.items() if name != "currency"})
