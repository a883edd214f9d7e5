"""The notebooks in JupyterLab in a real browser: run all, and the labs used with mouse and keyboard.

Screenshots are kept in the folder that BROWSER_SCREENSHOTS names, if it names one.
"""
from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None

from helpers.exercises.questions import questions
from tests.browser.lab import WIDE, Seat, course_in, put, served
from tests.conftest import with_weights

CHROMIUM = shutil.which("chromium")
SCREENSHOTS = os.environ.get("BROWSER_SCREENSHOTS")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: on Debian, `apt-get install chromium`"),
    pytest.mark.skipif(not sync_playwright, reason="Playwright is not installed: `python course.py setup`"),
]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return course_in(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def address(course: Path) -> Iterator[str]:
    """A server whose store and cache, where files and trainings go, are the course's own."""
    with served(course, COURSE_CACHE=with_weights(course / "cache"), COURSE_STORE=course / ".course",
                COURSE_REPLAY="auto") as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)    # a profile of its own, empty
        yield opened
        opened.close()


@pytest.fixture
def opened(request: pytest.FixtureRequest, browser, address: str, course: Path, tmp_path: Path) -> Iterator[Callable]:
    """Open a notebook that was put into the course: opened("00_start_here") -> Seat."""
    page = browser.new_page(viewport=WIDE)
    page.set_default_timeout(120_000)
    seat = Seat(page, address, course, Path(SCREENSHOTS or tmp_path) / request.node.name)

    def open_notebook(*args, **settings) -> Seat:
        seat.open(put(course, *args, **settings).stem)
        return seat

    yield open_notebook
    seat.picture("end")
    page.close()


def test_the_first_notebook_runs_from_the_menu(opened) -> None:
    seat = opened("00_start_here")
    seat.run_all()
    assert seat.errors == []


SLOWLY = """import time
def ask(messages, client=client, model=model, **settings):
    if messages[0]["content"].startswith("Where does"):
        time.sleep(1)               # so that there is time to press Stop
    settings = {"temperature": 0, "max_completion_tokens": 24} | settings
    reply = client.chat.completions.create(model=model, messages=messages, **settings)
    return reply.choices[0].message.content"""


def test_a_prompt_is_typed_and_tried_a_try_is_stopped_and_the_quiz_explains(opened) -> None:
    seat = opened("01_better_prompting", "c03", "c06", "c08", "c10", "c16", "c18", "c20", "c22", "c23", "c33",
                  "lab-lab", "exercise-01", "exercise-09", instead={"c06": SLOWLY})
    seat.run_all()
    prompt = seat.page.get_by_label("System prompt")
    seat.type(prompt, "What is this message about?")        # the notebook's bare question: its replies are recorded
    seat.press("Try it")
    seat.sees("try 3: 0 of 20 right")
    seat.picture("prompt")
    seat.type(prompt, "Where does this go?")                # nobody has asked this before: the model answers
    seat.press("Try it")
    seat.sees(re.compile("Asking, [1-9]"))
    seat.press("Stop")
    seat.sees("Stopped before all 20 were asked")
    question = questions("01")[0]
    for option in question.options:
        seat.press(option.text)
        seat.sees(option.said)
    seat.is_in_order()


def test_a_slider_is_moved_with_the_keyboard_a_number_typed_and_the_money_is_back_sooner(opened) -> None:
    seat = opened("06_cost", "cell-03", "cell-04", "cell-06", "cell-10", "cell-12", "cell-14", "cell-20", "cell-34",
                  "lab-lab")
    seat.run_all()
    seat.sees("The money is back: after 290,000 ")
    seat.picture("as it begins")
    slider = seat.page.locator(".widget-slider", has_text="points more right")
    slider.get_by_role("slider").focus()
    seat.page.keyboard.press("ArrowRight")
    seat.page.keyboard.press("ArrowRight")
    expect(slider).to_contain_text("2.0", timeout=60_000)
    seat.sees("The money is back: after 140,000 ")
    seat.type(seat.page.get_by_label("tokens of a prompt, as it is"), "9000")
    seat.page.keyboard.press("Tab")
    seat.sees("save $0.88 by their tokens")
    expect(seat.page.get_by_role("img", name="The money is back after")).to_be_visible(timeout=60_000)
    seat.picture("changed")
    seat.is_in_order()


def test_a_case_is_changed_and_verdicts_turn_and_rows_are_labelled_with_keys(opened) -> None:
    seat = opened("07_your_own_data", "c02", "c03", "c05", "c06", "c08", "c10", "c12", "c14", "c16", "c18", "c38",
                  "c40", "c42", "c44", "c46", "lab-lab", "lab-labels-lab")
    seat.run_all()
    seat.page.get_by_label("case", exact=True).select_option("tickets")
    seat.sees("As measured. An empty field is unknown.")
    seat.picture("as measured")
    seat.type(seat.page.get_by_label("share of right answers that the job needs"), "30%")
    seat.page.keyboard.press("Tab")
    seat.sees("Changed: share of right answers that the job needs: 90% → 30%.")
    seat.sees("(turned)")
    seat.picture("changed", seat.page.get_by_text("(turned)").last)
    seat.type(seat.page.get_by_label("or type here, 1 to 4"), "12x")
    seat.sees("'x' is no key: type 1 to 4.")
    seat.page.keyboard.press("Backspace")
    seat.press("3 events")
    seat.sees("Kept: events.")
    seat.press("Back")
    seat.sees("Taken back.")
    seat.is_in_order()


def test_a_training_is_cancelled_at_the_second_press(opened) -> None:
    seat = opened("04_fine_tuning", "c003", "c005", "c007", "c021", "c029", "lab-lab", instead={
        "c029": "job = finetuning.start(client, model, hundred, watched, n_epochs=3, seed=0)"})     # not waited for
    seat.run_all()
    seat.sees("training loss", seconds=400)
    seat.picture("training", seat.page.get_by_role("button", name="Cancel the job"))
    seat.press("Cancel the job")
    seat.press("Press again to cancel for good")
    seat.sees("It was cancelled: there is no model")
    seat.is_in_order()
