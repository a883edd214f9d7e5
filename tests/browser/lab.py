"""JupyterLab as a person uses it: a course of one's own on loopback, menus, buttons and keys in a browser.

    course = course_in(folder); put(course, "00_start_here")
    with served(course) as address: ...                                 it writes into that folder alone
    seat = Seat(page, address, course, pictures); seat.open("00_start_here"); seat.run_all()

Does not: know any lab. A notebook's cells are taken from the committed one, so that the two cannot drift apart.
"""
from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import nbformat

if TYPE_CHECKING:       # the tests are skipped, not broken, where Playwright is missing
    from playwright.sync_api import ConsoleMessage, Locator, Page

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "only-for-this-test"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 800, "height": 900}
PATIENCE = 240          # seconds for a notebook; two busy cores are slow

CUT_OFF = """() => [...document.querySelectorAll(".jp-OutputArea-output :is(button, label)")]
    .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"""
NAMELESS = """() => [...document.querySelectorAll(".jp-OutputArea-output :is(input, select, textarea)")]
    .filter(one => !one.ariaLabel && ![...one.labels].some(label => label.textContent.trim()))
    .map(one => one.outerHTML)"""


# ---------------------------------------------------------------- a course of one's own

def course_in(folder: Path) -> Path:
    """Copy the helpers beside a link to the data: settings, stores and saved notebooks are then this folder's own."""
    shutil.copytree(ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "data").symlink_to(ROOT / "data")
    (folder / "notebooks").mkdir()
    return folder


def put(course: Path, name: str, *cells: str, instead: Mapping[str, str] | None = None) -> Path:
    """Copy a notebook without its outputs: whole, or the cells of these ids. `instead` has other code for some."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    if missing := set(cells) - {cell.id for cell in notebook.cells}:
        raise LookupError(f"{name} has no cells {sorted(missing)} any more. Name those that the lab needs now.")
    notebook.cells = [cell for cell in notebook.cells if not cells or cell.id in cells]
    for cell in notebook.cells:
        cell.source = (instead or {}).get(cell.id, cell.source)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path = course / "notebooks" / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


# ---------------------------------------------------------------- JupyterLab

@contextmanager
def served(course: Path, **settings: object) -> Iterator[str]:
    """Serve a course on loopback and yield the address; the settings of whoever runs the tests are not seen."""
    port, own = _free_port(), course / ".jupyter"
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("COURSE_", "OPENAI_", "JUPYTER", "IPYTHON"))}
    environment |= {"PYTHONPATH": str(course), "IPYTHONDIR": str(own / "ipython"),
                    **{f"JUPYTER_{kind}_DIR": str(own / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")},
                    **{f"JUPYTERLAB_{kind}_DIR": str(own / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")},
                    **{name: str(value) for name, value in settings.items()}}
    options = ("--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", "--allow-root",
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={course}")
    answer_once(own / "settings")
    with (course / "jupyterlab.log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], cwd=course, env=environment,
                                  stdout=log, stderr=log)
    try:
        _wait_until_up(server, f"http://127.0.0.1:{port}/api?token={TOKEN}", course / "jupyterlab.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()      # it ends its kernels
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


def answer_once(settings: Path) -> None:
    """Answer no to what JupyterLab asks when it is first opened: whether it may fetch news and look for updates."""
    file = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _wait_until_up(server: subprocess.Popen, url: str, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            return urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.3)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


# ---------------------------------------------------------------- a person before it

class Seat:
    """One page with one notebook, what it is asked to do, and what the browser's console said meanwhile."""

    def __init__(self, page: Page, address: str, course: Path, pictures: Path):
        self.page, self.address, self.course, self.pictures = page, address, course, pictures
        self.errors: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url', '')})")

    def open(self, name: str) -> None:
        """Open a notebook and wait until its kernel is ready."""
        self.file = self.course / "notebooks" / f"{name}.ipynb"
        self.page.goto(f"{self.address}/lab/tree/notebooks/{self.file.name}?token={TOKEN}&reset", timeout=120_000)
        self.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=120_000)
        # without a kernel a notebook counts as idle, and running a cell asks which kernel to take
        self.page.get_by_role("button", name="Python 3 (ipykernel)", exact=False).first.wait_for(timeout=120_000)
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=120_000)

    def wait_until_idle(self, seconds: float = PATIENCE) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=1000 * seconds)

    def run_all(self, seconds: float = PATIENCE) -> None:
        """Choose Run > Run All Cells and wait until every cell has run. Fails at the first error a cell shows."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.page.wait_for_timeout(500)
            self.wait_until_idle(seconds)
            code = self.saved_code()
            assert not (wrong := [error for cell in code for error in errors_of(cell)]), wrong
            if all(cell.execution_count for cell in code):
                return
        raise AssertionError(f"{self.file.name} had not run after {seconds} seconds.")

    def type(self, field: Locator, text: str) -> None:
        """Put a text into a field in place of what stands there, key by key."""
        field.click()
        field.press("Control+a")
        field.press_sequentially(text)
        for _ in range(2):      # a page holds typed text back while a message is on its way; a press would overtake it
            self.page.wait_for_timeout(500)
            self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=120_000)

    def press(self, button: str) -> None:
        """Press the button that says this, once it can be pressed."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def sees(self, text: str | re.Pattern, seconds: float = PATIENCE) -> None:
        """Wait until this text can be seen."""
        self.page.get_by_text(text).first.wait_for(timeout=1000 * seconds)

    def is_in_order(self) -> None:
        """Fails on errors in the console, fields without a label, and words cut off, on a wide page or a narrow one."""
        assert self.errors == []
        assert self.page.evaluate(NAMELESS) == []
        assert self.page.evaluate(CUT_OFF) == []
        self.page.set_viewport_size(NARROW)
        self.page.wait_for_timeout(500)
        self.picture("narrow")
        assert self.page.evaluate(CUT_OFF) == []

    def picture(self, name: str, at: Locator | None = None) -> None:
        """Keep what the page shows, or what it shows where this part of it is."""
        if at:
            at.scroll_into_view_if_needed()
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def saved_code(self) -> list:
        """Save, as Ctrl+S does, and return the file's cells of code: a page shows only those near the eye."""
        before = self.file.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        for _ in range(600):
            self.page.wait_for_timeout(100)
            if self.file.stat().st_mtime_ns != before and (cells := cells_of(self.file)):
                return [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
        raise AssertionError(f"{self.file.name} was not saved within a minute.")


def cells_of(path: Path) -> list:
    """Return a notebook's cells; none while it is being written."""
    try:
        return nbformat.read(path, as_version=4).cells
    except nbformat.reader.NotJSONError:
        return []


def errors_of(cell) -> list[str]:
    """Return what a cell shows as an error. Example: errors_of(cell) -> ["c03: NameError: name 'x' is not defined"]"""
    return [f"{cell.id}: {output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
