"""The report is whole by itself, and every number in it can be computed from the rows it holds."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportion_confint

from helpers.ladder import page


def test_the_page_is_a_function_of_the_rows_it_holds(whole):
    assert page.embedded(whole.html) == whole.found
    assert page.page(page.embedded(whole.html)) == whole.html


def cells(html: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table under a heading, as texts."""
    table = re.search(r"<tbody>(.*?)</tbody>", html[html.index(f"<h2>{heading}"):], re.DOTALL)[1]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]


def test_scores_intervals_and_steps_are_those_of_the_rows(whole):
    steps = [step for step in page.embedded(whole.html)["steps"] if step["rows"]]
    shown = cells(whole.html, "Every rung")
    assert len(shown) == len(steps) == 8
    before, changes = None, iter(cells(whole.html, "Step by step"))
    for step, row in zip(steps, shown, strict=True):
        right = np.array([one["right"] for one in step["rows"]])
        low, high = proportion_confint(right.sum(), len(right), method="wilson")
        valid = np.mean([one["valid"] for one in step["rows"]])
        assert row == [step["name"], f"{right.sum()} of {len(right)}", f"{right.mean():.0%}",
                           f"{low:.0%} to {high:.0%}", f"{valid:.0%}", "0"]
        if before is not None:
            won, lost = int((right & ~before).sum()), int((before & ~right).sum())
            p = binomtest(won, won + lost).pvalue if won + lost else 1.0
            change = next(changes)
            assert change[:2] == [step["name"], f"{100 * (won - lost) / len(right):+.0f}"]
            assert change[3:] == [str(won), str(lost), "&lt; .001" if p < 0.001 else f"{p:.3f}".replace("0.", ".")]
        before = right


def test_costs_are_means_of_the_rows(whole):
    steps = [step for step in page.embedded(whole.html)["steps"] if step["rows"]]
    for step, row in zip(steps, cells(whole.html, "What it costs"), strict=True):
        mean = {name: np.mean([one[name] for one in step["rows"]]) for name in ("prompt_tokens", "seconds", "cost")}
        assert row[1] == f"{mean['prompt_tokens']:,.0f}" and row[3] == f"{1000 * mean['cost']:.2f}"
        assert row[4] == f"{1000 * mean['seconds']:,.1f}" and row[5] == f"{step['once']:,.1f}"


def test_choices_and_curve_are_sums_of_marks(whole):
    found = page.embedded(whole.html)
    choices = [(choice["name"], sum(mark for _, mark in choice["rows"])) for step in found["steps"]
               for choice in step["choices"]]
    assert [(row[1], row[2]) for row in cells(whole.html, "What was chosen")] == [
        (name, f"{right} of 21") for name, right in choices]
    rates = {(point["method"], point["n"]): f"{np.mean(point['right']):.0%}" for point in found["curve"]}
    counts = sorted({n for _, n in rates})
    assert [row[1:] for row in cells(whole.html, "Would more")] == [
        [rates[method, n] for n in counts] for method in dict.fromkeys(method for method, _ in rates)]


def test_nothing_in_it_needs_a_network_or_a_script(whole):
    assert not re.findall(r"<(?:link|img|iframe|base|object|embed)\b|@import|url\(|\bsrc=|\bhref=|\bon\w+=", whole.html)
    assert re.findall(r"<script[^>]*>", whole.html) == ['<script type="application/json" id="rows">']
    assert "default-src &#x27;none&#x27;" in whole.html or "default-src 'none'" in whole.html
    assert set(re.findall(r"https?://[^\s\"'<]+", whole.html)) <= {"http://www.w3.org/2000/svg"}


def test_it_says_what_a_reader_must_know(whole):
    words = " ".join(page.visible(whole.html).split())
    for said in ("No text left this machine", "This page holds your rows", "rag: no folder was given",
                 "The test rows were opened once for each rung", "To make it again: python -m helpers.ladder",
                 "Nothing was trained", "The errors to read"):
        assert said in words
    assert whole.html.count('role="img" aria-label="') == 2 and '<html lang="en">' in whole.html


@pytest.fixture
def found(whole) -> dict:
    return page.embedded(whole.html)


def test_a_row_cannot_break_out_of_the_page(found):
    evil = "</script><script>alert(1)</script><b>&"
    found["questions"][0]["input"] = evil
    for step in found["steps"]:
        for row in step["rows"]:
            row |= {"right": False, "reply": evil}
    html = page.page(found)
    assert html.count("</script>") == 1 and "<script>alert" not in html and "<b>" not in html
    assert page.embedded(html)["questions"][0]["input"] == evil


def test_without_any_run_it_gives_the_reasons(found, tmp_path):
    found["steps"] = [step | {"rows": [], "skipped": "the budget is spent", "choices": []} for step in found["steps"]]
    found["curve"] = []
    path = page.write(found, tmp_path / "deep" / "out.html")
    words = page.visible(path.read_text(encoding="utf-8"))
    assert "No rung could be asked" in words and "prompt: the budget is spent." in words


def test_what_is_said_follows_the_findings(found):
    found["made"] |= {"hosted": True, "host": "api.example.org"}
    found["task"] |= {"groups": 7}
    found["plan"]["dropped"] = {"16 fixed examples": "prompts of about 9,000 tokens"}
    found["target"] = None
    words = " ".join(page.visible(page.page(found)).split())
    assert "The texts were sent to api.example.org" in words and "come from 7 groups" in words
    assert "Not tried: 16 fixed examples, prompts of about 9,000 tokens" in words and "target 90%" not in words


def test_another_page_holds_no_findings():
    with pytest.raises(ValueError, match="no report of the ladder"):
        page.embedded("<html></html>")


def test_no_folder_of_the_machine_is_shown_but_in_the_command(whole):
    assert str(Path.home()) not in whole.html.replace(whole.found["made"]["command"], "")
