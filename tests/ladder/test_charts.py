"""The figures are whole by themselves and say in words what they show."""
from __future__ import annotations

from xml.etree import ElementTree

from helpers.ladder import charts
from tests.ladder.test_advice import run_with


def words_of(svg: str) -> str:
    return " ".join(text.text for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def test_scores_have_a_mark_of_its_own_for_each_kind_and_the_target():
    runs = [run_with("a < b", 40), run_with("prompt", 60), run_with("tuned", 90)]
    drawn = charts.scores(runs, ["baseline", "model", "tuned"], 0.85)
    assert "a < b" in words_of(drawn) and "target 85%" in words_of(drawn) and "90%" in words_of(drawn)
    assert drawn.count("<rect") == 2 and drawn.count("<circle") == 1 and drawn.count("rotate(45") == 1
    assert all(colour in drawn for colour in charts.COLOURS.values())
    said = ElementTree.fromstring(drawn).get("aria-label")
    assert "tuned 90%, 83% to 94%" in said


def test_a_curve_names_its_lines_where_they_end():
    points = [{"method": method, "n": n, "right": [1] * right + [0] * (10 - right)}
              for method, n, right in (("one", 50, 3), ("one", 100, 5), ("two", 50, 2), ("two", 100, 5))]
    drawn = charts.curve(points)
    assert {"one", "two", "50", "100", "rows learned from"} <= set(
        text.text for text in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text"))
    assert "one from 50 rows 30%" in drawn and drawn.count("<polyline") == 2


def test_names_do_not_touch():
    assert charts._apart({"a": 50.0, "b": 55.0, "c": 10.0}) == {"c": 10.0, "a": 50.0, "b": 66.0}


def test_a_long_name_is_cut():
    assert len(charts._short("x" * 60)) == 36
