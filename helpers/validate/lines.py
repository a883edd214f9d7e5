"""Read the lines of a file one at a time, and say what keeps it from being JSON Lines.

    for number, row in rows(path, note): ...        each line's JSON object; `note` hears of the lines that are none

Holds one line at a time, of at most LONGEST_LINE bytes, whatever the size of the file.

Does not: know what an example looks like (see schema.py).
"""
from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from helpers.validate.report import Note, PlacedFault, shown

LONGEST_LINE = 20_000_000       # bytes; the largest image OpenAI takes, 10 MB, has 13.4 million characters in base64
HEAD = 65_536                   # bytes that are looked at to tell what kind of file it is
SKIPPED = 1_000_000             # bytes of an over-long line that are skipped at a time
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
LAYOUTS = {
    "array":  "The file is one JSON array. Write each of its elements on a line of its own, without the brackets and "
              "the commas between them.",
    "pretty": "The example that begins here goes on over several lines. Write each example on one line, for instance "
              "with json.dumps(example) without `indent`.",
    "CSV":    "The file is a CSV table. Turn each row into a line {\"messages\": [...]} with a user and an assistant "
              "message.",
}


def rows(path: Path, note: Note) -> Iterator[tuple[int, dict | None]]:
    """Yield the number and the JSON object of each line, None for a line that is noted as a fault."""
    for number, line in texts(path, note):
        yield number, None if line is None else parsed(number, line, note)


def texts(path: Path, note: Note, json_lines: bool = True) -> Iterator[tuple[int, str | None]]:
    """Yield the number and text of each line that is not blank, None for a line that cannot be read.

    Without `json_lines` any text file will do, and blank lines are no fault.
    """
    fault = fault_of(path) or layout_fault_of(path, tables=not json_lines)
    if fault:
        note(*fault)
        return
    blank = None
    for number, line in _byte_lines(path):
        if number == 1 and line is not None:
            line = _without_mark(line, note if json_lines else None)
        if line is not None and not line.strip():
            blank = blank or number
            continue
        if blank and json_lines:
            note(blank, "blank line", "This line is blank, and examples follow. Delete it, so that lines can be "
                                      "counted as examples.")
        blank = None
        yield number, _decoded(number, line, note)


def _without_mark(line: bytes, note: Note | None) -> bytes:
    if note and line.startswith(codecs.BOM_UTF8):
        note(1, "BOM", "The file begins with a byte order mark, which is no JSON. Save it as 'UTF-8' rather than "
                       "'UTF-8 with BOM'.")
    return line.removeprefix(codecs.BOM_UTF8)


def _byte_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield each line's number and bytes, None where there are more than LONGEST_LINE."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                _skip_line(file, line)
                yield number, None
            else:
                yield number, line


def _skip_line(file: BinaryIO, begun: bytes) -> None:
    while begun and not begun.endswith(b"\n"):
        begun = file.readline(SKIPPED)


def _decoded(number: int, line: bytes | None, note: Note) -> str | None:
    if line is None:
        note(number, "JSON", f"This line has more than {LONGEST_LINE // 1_000_000} MB and was not read. Give images by "
                             "their link, cut long texts, and see that each example ends its line.")
        return None
    try:
        return line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        note(number, "encoding", f"Byte {error.start + 1} of this line, 0x{line[error.start]:02x}, is not UTF-8 text. "
                                 "Open the file in the encoding it was written in (often Latin-1 or Windows-1252) and "
                                 "save it as UTF-8.")
        return None


# ---------------------------------------------------------------- one line

def parsed(number: int, line: str, note: Note) -> dict | None:
    """Return a line's JSON object; None, and a note, for anything else."""
    twice: list[str] = []
    try:
        row = json.loads(line, parse_constant=_no_constant, object_pairs_hook=lambda pairs: _object(pairs, twice))
        _refuse_halves(line, row)
    except json.JSONDecodeError as error:
        note(number, "JSON", f"This line is not JSON: {error.msg} (character {error.pos + 1}). Write each example on a "
                             "line of its own with json.dumps(), which sets quotes, commas and escapes right.")
    except UnicodeEncodeError:
        note(number, "encoding", "A \\ud800-like escape stands alone: half of a character, which no UTF-8 text can "
                                 "hold. Repair the text where it was cut, or leave the half out.")
    except RecursionError:
        note(number, "JSON", "This line nests lists or objects too deep to be read. An example needs fewer than ten "
                             "levels: look for text that was wrapped again and again.")
    except ValueError as error:
        note(number, "JSON", f"This line is not JSON: {str(error).partition(';')[0]}. Write null or a text in its "
                             "place.")
    else:
        return _only_object(number, row, twice, note)
    return None


def _only_object(number: int, row: object, twice: list[str], note: Note) -> dict | None:
    if twice:
        note(number, "duplicate key", f"The key {shown(twice[0])} stands twice in one object, and only the last counts."
                                      " Delete the other.")
    if isinstance(row, dict):
        return row
    note(number, "schema", f"This line holds {shown(row)}. Write one object on each line, {{\"messages\": [...]}}.")
    return None


def _object(pairs: list[tuple[str, object]], twice: list[str]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs) and not twice:
        keys = [key for key, _ in pairs]
        twice.append(next(key for key in keys if keys.count(key) > 1))
    return found


def _refuse_halves(line: str, row: object) -> None:
    """Raise UnicodeEncodeError for half a character: it can only come from an escape."""
    if "\\ud" in line.lower():
        json.dumps(row, ensure_ascii=False).encode()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


# ---------------------------------------------------------------- the whole file

def fault_of(path: Path) -> PlacedFault | None:
    """Return the fault that keeps a file from being read as text at all, None if there is none."""
    name = f'"{path}"'
    if not path.exists():
        return None, "file", f"There is no file {name}. Give its path from the folder you are in."
    if not path.is_file():
        return None, "file", f"{name} is a folder or a device. Give the path of a file."
    try:
        head = _head(path)
    except OSError as error:
        return None, "file", f"{name} could not be opened ({error.strerror}). See who may read it."
    if not head.strip(codecs.BOM_UTF8 + b" \t\r\n"):
        return None, "file", f"{name} is empty. Write at least ten examples into it, one a line."
    if head.startswith(WIDE) or _is_wide(head):
        return None, "encoding", "The file is UTF-16 or UTF-32 text. Save it as UTF-8."
    if b"\0" in head or head.startswith(b"\x1f\x8b"):
        return None, "encoding", (f"{name} holds bytes that are no text: it may be an archive, a spreadsheet or a "
                                  "Parquet file. Unpack it or export it as JSONL.")
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_wide(head: bytes) -> bool:
    """Say whether bytes are UTF-16 without a mark: every other byte of plain text is then zero."""
    zeros = head[0::2].count(0), head[1::2].count(0)
    return max(zeros) > len(head) // 4 and min(zeros) < len(head) // 100 + 1


def layout_fault_of(path: Path, tables: bool = False) -> PlacedFault | None:
    """Return the fault of a file that is a JSON array, JSON over several lines, or a CSV table; `tables` allows these.

    Only the first two lines are looked at: what is wrong further down is a fault of its line.
    """
    lines = _head(path).removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace").split("\n")
    filled = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    number, first = filled[0] if filled else (1, "")
    following = filled[1][1] if len(filled) > 1 else ""
    layout = ("array"  if re.match(r"\[\s*($|[\[{\"])", first) else
              "pretty" if _goes_on(first, following) else
              "CSV"    if not tables and _is_table(first, following) else None)
    return (number, "JSON", LAYOUTS[layout]) if layout else None


def _goes_on(first: str, following: str) -> bool:
    """Say whether an object goes on in the next line, rather than being cut off before a whole example."""
    whole = '"messages"' in following and _is_json(following)
    return first.startswith("{") and first[-1] in "{[,:" and bool(following) and not whole and not _is_json(first)


def _is_table(first: str, following: str) -> bool:
    if first.startswith("{") or following.startswith("{") or _is_json(first):
        return False
    return any(mark in first and (mark in following or not following) for mark in (",", ";", "\t"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
