"""Read documents from a folder and cut them into passages.

    documents = read_folder("my_pages")         Markdown, text and HTML; what cannot be read is named and left out
    passages = chunk(documents[0].text, words=120, overlap=20, source=documents[0].source)

Does not: search (see retrieval.py), or read PDF files and pictures: take the text out of them first.
"""
from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup

READ = {".md", ".txt", ".html", ".htm"}
LARGEST = 5_000_000     # bytes; a file beyond that is a dump, not a document
WORD = re.compile(r"\S+")
BLOCKS = ["p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre", "section"]


class DocumentError(ValueError):
    """A folder or its files cannot be used; the message names it and says what would do."""


@dataclass(frozen=True)
class Document:
    """A page: where it comes from, its first line as title, and its text."""

    source: str
    title: str
    text: str


@dataclass(frozen=True)
class Passage:
    """A stretch of a document, text[start:end]. `title` is what the document is called, if that is searched too."""

    text: str
    source: str = ""
    start: int = 0
    end: int = 0
    title: str = ""

    def __str__(self) -> str:
        return f"{self.title}\n{self.text}" if self.title else self.text


def read_folder(folder: str | Path) -> list[Document]:
    """Return the documents of a folder and the folders in it, in the order of their paths.

    Says on stderr which files were left out and why. Raises DocumentError when the folder is missing or nothing in it
    can be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DocumentError(f"There is no folder {folder}. Give its path from where you are, {Path.cwd().name}/.")
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READ and path.is_file()
             and not any(part.startswith(".") for part in path.relative_to(folder).parts)]      # .git, checkpoints
    documents = []
    for path in found:
        try:
            documents.append(read(path, path.relative_to(folder).as_posix()))
        except DocumentError as error:
            print(f"left out: {error}", file=sys.stderr)
    if not documents:
        raise DocumentError(f"Nothing in {folder} could be read: {len(found)} files end in {', '.join(sorted(READ))}.")
    return documents


def read(path: Path, source: str = "") -> Document:
    """Return one file as a document. Raises DocumentError for an empty, huge or unreadable one."""
    source = source or path.name
    try:
        if path.stat().st_size > LARGEST:
            raise DocumentError(f"{source} has {path.stat().st_size / 1e6:.0f} MB; the most is {LARGEST / 1e6:.0f}. "
                                "Split it into pages.")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentError(f"{source} is not UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise DocumentError(f"{source} could not be opened ({error.strerror}).") from None
    if path.suffix.lower() in (".html", ".htm"):
        text = _text_of_html(text)
    if not text.strip():
        raise DocumentError(f"{source} is empty.")
    return Document(source, text.strip().splitlines()[0].lstrip("# ").strip(), text)


def _text_of_html(page: str) -> str:
    soup = BeautifulSoup(page, "html.parser")
    for hidden in soup(["script", "style"]):
        hidden.decompose()
    for text in soup.find_all(string=True):
        text.replace_with(re.sub(r"\s+", " ", text))       # lines in the source are none on the page
    for block in soup(BLOCKS):
        block.insert_before("\n")
        block.append("\n")
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", soup.get_text()).strip()


def chunk(text: str, *, words: int = 120, overlap: int = 20, source: str = "", title: str = "") -> list[Passage]:
    """Cut a text into passages of at most `words` words; the next begins up to `overlap` words before the last ended.

    A cut falls where a paragraph ends, else a line, else a sentence, in the second half of a passage, if it can.
    Raises ValueError. Example: chunk("One. Two. Three.", words=2, overlap=0)[0].text -> "One. Two."
    """
    if words < 1 or not 0 <= overlap < words:
        raise ValueError(f"words={words}, overlap={overlap}: a passage needs a word, and an overlap that is shorter.")
    found, passages, first, reached = list(WORD.finditer(text)), [], 0, 0
    while first < len(found):
        earliest, last = max(first + (words + 1) // 2, reached + 1), min(first + words, len(found))
        if last < len(found):
            last = max(range(min(earliest, last), last + 1), key=lambda cut: (_pause(text, found, cut), cut))
        start, end = found[first].start(), found[last - 1].end()
        passages.append(Passage(text[start:end], source, start, end, title))
        if last == len(found):
            break
        reached = last
        back = range(max(first + 1, last - overlap), last)      # begin again at a sentence, if there is one in reach
        first = next((cut for cut in back if _pause(text, found, cut)), last)
    return passages


def _pause(text: str, found: list[re.Match], cut: int) -> int:
    """Say how great a pause stands before a word: 3 a paragraph's end, 2 a line's, 1 a sentence's, 0 none."""
    lines = text.count("\n", found[cut - 1].end(), found[cut].start())
    return 3 if lines > 1 else 2 if lines else int(found[cut - 1].group().endswith((".", "!", "?", ":")))
