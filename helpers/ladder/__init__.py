"""Climb the ladder on your own labelled rows: which rung is enough?

    python -m helpers.ladder my.csv --target 0.90

    baselines → prompt → schema → few-shot → retrieved → rag → fine-tune

Every choice on the way is made on validation rows; the test rows are opened once for each rung. The end is one HTML
page with every row it was computed from.

    sheet     → kinds, rules → splits → profile     the rows, what kind of task they are, how they are divided
    wording   → rungs, tuning → plan → ascent       the ways to ask, what they will take, going up
    findings  → advice, charts, page                what was measured, what follows from it, the report
    first                                           the first six rungs in one call, for a notebook

Does not: write a prompt for your data; that is what the notebooks teach.
"""
from helpers.ladder.first import RUNGS, climb, plain_prompt, schema_prompt, verdict

__all__ = ["RUNGS", "climb", "plain_prompt", "schema_prompt", "verdict"]
