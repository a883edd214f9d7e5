"""How the site is built: the course's own files, where they lie, as one book with search.

    python course.py site       into build/site

Sphinx reads the whole folder, so that nothing is copied and every link among notebooks, cards and guides is one that
also works in the repository. Nothing is run: the outputs are those that were committed. Nothing is fetched: not while
it is built, and not while it is read.
"""
from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNSEEN = re.compile(r"<!--(=.+?|given)-->")      # what holds prose to its numbers is not for readers

project = "Before You Fine-Tune"
author = "the course's authors"
html_title = project
extensions = ["myst_nb"]

root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "notebooks/**.ipynb",
                    "notebooks/*/*.md", "data/*/card.md", "data/*/guide.md", "data/models/*/card.md"]
exclude_patterns = [".*", "build", "helpers", "tests", "data/recordings", "data/instructions/*/**",
                    "data/handbook/pages", "**/.ipynb_checkpoints"]

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}           # would be loaded from elsewhere; a slider without its kernel moves nothing anyhow
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
myst_heading_anchors = 3
# The prose of notebooks begins at the second level where a page is a list of tasks, and a card may skip one.
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_static_path = ["site"]
html_extra_path = ["start"]                     # index.html, which opens the book
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True, "footer_icons": []}


def without_marks(app: object, name: str, source: list[str]) -> None:
    """Take the marks out of a page before it is read: "63<!--=x.right--> right" becomes "63 right"."""
    source[0] = UNSEEN.sub("", source[0])


def setup(app) -> None:
    """Sphinx calls this first."""
    app.connect("source-read", without_marks)
