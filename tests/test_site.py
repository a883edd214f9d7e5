"""The site: built from the committed files without a warning, whole by itself, and with no mark in its prose."""
from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import course
from helpers.publishing import notebooks

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("myst_nb"),
                                reason="the site's packages are not installed: `python course.py site` does that")
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site as course.py does, in another folder."""
    out = tmp_path_factory.mktemp("site")
    ran = subprocess.run([sys.executable, "-m", *course.SITE, "-d", str(out / "doctrees"), ".", str(out / "site")],
                         cwd=course.ROOT, capture_output=True, text=True, timeout=1_200)
    assert ran.returncode == 0, ran.stderr
    return out / "site"


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, BeautifulSoup]:
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in built.rglob("*.html")}


def loaded(page: BeautifulSoup) -> Iterator[str]:
    """Yield the address of everything that a browser loads for a page by itself."""
    for name, attribute in LOADED.items():
        for tag in page.find_all(name):
            if tag.get(attribute) and not set(tag.get("rel", [])) & {"index", "search", "next", "prev", "canonical"}:
                yield tag[attribute]


def test_every_notebook_has_its_page_with_its_outputs(built: Path) -> None:
    for path in notebooks.committed():
        assert 'class="cell_output' in (built / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")


def test_the_first_page_opens_the_book(built: Path) -> None:
    assert 'url=docs/index.html"' in (built / "index.html").read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(built: Path, pages: dict[Path, BeautifulSoup]) -> None:
    elsewhere = {address for page in pages.values() for address in loaded(page)
                 if urlsplit(address).scheme not in ("", "data") or address.startswith("//")}
    styles = [text for path in built.rglob("*.css") for text in re.findall(r"@import[^;]+|url\(([^)]*)\)",
                                                                           path.read_text(encoding="utf-8"))]
    assert elsewhere == set()
    assert [style for style in styles if re.match(r"['\"]?(https?:)?//", style)] == []


def test_every_link_within_the_site_leads_somewhere(pages: dict[Path, BeautifulSoup]) -> None:
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    links = {(path, address) for path, page in pages.items()
             for address in [*(tag["href"] for tag in page.find_all("a", href=True)), *loaded(page)]}
    assert [(path.name, address) for path, address in links if not leads_somewhere(path, address, ids)] == []


def leads_somewhere(path: Path, address: str, ids: dict[Path, set[str]]) -> bool:
    """Say whether a page's link leads out of the site, or to a file in it, and there to a place that exists."""
    parts = urlsplit(address)
    if parts.scheme or address == "#":
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    return target.is_file() and (not parts.fragment or target not in ids or parts.fragment in ids[target])


def test_no_mark_of_the_prose_is_left(pages: dict[Path, BeautifulSoup]) -> None:
    prose = {path: re.sub(r"(?s)<(pre|code).*?</\1>", "", str(page)) for path, page in pages.items()}
    assert [path.name for path, text in prose.items() if re.search(r"<!--(=|given)|&lt;!--", text)] == []


def test_what_is_searched_for_is_found_in_the_index(built: Path) -> None:
    index = (built / "searchindex.js").read_text(encoding="utf-8")
    assert "notebooks/04_fine_tuning" in index and re.search(r'[{,"]adapt"?:', index)
