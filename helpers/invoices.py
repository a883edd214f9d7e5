"""What is read out of an invoice, as a model of pydantic.

Every field may be None: the text does not say. Does not: read anything.
"""
from __future__ import annotations

import datetime

from pydantic import BaseModel, ConfigDict, Field


class Item(BaseModel):
    """One line that is charged."""

    model_config = ConfigDict(extra="forbid")
    description: str
    quantity: float | None
    amount: float | None = Field(description="of the line, as printed")


class Invoice(BaseModel):
    """One invoice or credit note; the field's descriptions stand in data/invoices/guide.md at length."""

    model_config = ConfigDict(extra="forbid")
    vendor: str | None = Field(description="who asks for the money")
    invoice_number: str | None
    date: datetime.date | None = Field(description="of the invoice, YYYY-MM-DD")
    currency: str | None = Field(description="ISO code")
    amount: float | None = Field(description="the total, with tax and after discounts")
    items: list[Item]
