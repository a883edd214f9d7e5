"""Where replies are looked for and where they are kept: the course's recordings and the reader's own store.

COURSE_REPLAY   auto  recordings, then the store, then the live model (the default)
                only  never ask: a request without a recorded reply fails (what the tests use)
                own   the store, then the live model: what the course recorded is left aside
                off   always ask, also what was asked a moment ago
COURSE_RECORD   the name of a file in data/recordings that takes this run's replies and no others, live with own or
                off, else carried over from the recordings where they have them (what `course.py record` uses); a reply
                that another file holds is not kept twice

Files and fine-tuning jobs are looked for in the recordings alone, and then only to replay or record (see tuning.py).
"""
from __future__ import annotations

import sys
from functools import cached_property
from pathlib import Path

from openai import OpenAIError

from helpers.provider.recordings import Call, Recorded, Recordings
from helpers.settings import ROOT, SettingError, setting, store_folder

RECORDINGS = ROOT / "data" / "recordings"
MODES = ("auto", "only", "own", "off")


class NotRecorded(OpenAIError, LookupError):
    """COURSE_REPLAY=only, and this request has no recorded reply."""


class Shelves:
    """The course's recordings, which only `course.py record` writes, and the reader's store, outside git."""

    def __init__(self, committed: Path = RECORDINGS, store: Path | None = None):
        self._committed_folder = committed
        self._store_folder = store or store_folder()
        self._complained = False

    @property
    def mode(self) -> str:
        mode = setting("COURSE_REPLAY", "auto").lower()
        if mode not in MODES:
            raise SettingError(f"COURSE_REPLAY={mode!r} is not one of {', '.join(MODES)}.")
        return mode

    @property
    def only_replay(self) -> bool:
        return self.mode == "only"

    @property
    def leaves_recordings_aside(self) -> bool:
        return self.mode in ("own", "off")

    @cached_property
    def committed(self) -> Recordings:
        return Recordings(self._committed_folder, strict=True)

    @cached_property
    def store(self) -> Recordings:
        return Recordings(self._store_folder)

    @cached_property
    def recorder(self) -> Recordings | None:
        """The file being recorded, begun empty: a call made twice in one run is asked once."""
        name = setting("COURSE_RECORD")
        if not name:
            return None
        if not self.leaves_recordings_aside:
            len(self.committed)     # read before the file is begun anew
        (self._committed_folder / f"{name}.jsonl").unlink(missing_ok=True)
        return Recordings(self._committed_folder, name=name, files="")

    def find(self, call: Call) -> Recorded | None:
        """Return a kept reply to the call, unless every call is to be live."""
        if self.recorder is not None:
            return self.recorder.find(call) or self._carried_over(call)
        if self.mode == "off":
            return None
        recorded = None if self.leaves_recordings_aside else self.committed.find(call)
        return recorded or (None if self.only_replay else self.store.find(call))

    def _carried_over(self, call: Call) -> Recorded | None:
        """Return what was recorded before, and record it again unless it stands in another notebook's file.

        What is not asked any more is left behind.
        """
        recorded = None if self.leaves_recordings_aside else self.committed.find(call)
        if recorded and self.committed.files_of(call) == {self.recorder.file.name}:
            self.recorder.add(call, recorded)
        return recorded

    def keep(self, call: Call, recorded: Recorded) -> None:
        """Keep a live reply. A store that cannot be written is said once and costs nothing but a later re-ask."""
        try:
            (self.store if self.recorder is None else self.recorder).add(call, recorded)
        except OSError as error:
            if self.recorder is not None:
                raise
            if not self._complained:
                print(f"Replies cannot be kept in {self._store_folder.name} ({error.strerror}): a rerun will ask "
                      "again. Set COURSE_STORE to a folder that can be written.", file=sys.stderr)
            self._complained = True
