"""Compare the inputs of a training file with those that production sends.

    list(differences(trained, sent)) -> ["Production inputs have 420 characters (median), training inputs 90. ..."]

Does not: compare meanings, or outputs. It compares lengths, scripts, languages (by their commonest words), vocabulary
and runs of characters; what differs in none of these is not found.
"""
from __future__ import annotations

import json
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np

from helpers.validate.examples import input_of
from helpers.validate.fingerprints import BANDS, ROWS, plain, signature
from helpers.validate.lines import texts
from helpers.validate.report import Note, shown

WORDS = 1 << 22             # places in the table of known words
LETTERS = 300               # of a text, to name its script and language
LONGER = 2                  # times the other file's median length
SHARE = 0.1                 # how many more production inputs may have another script, language or word
UNLIKE = 0.15               # share of production inputs that may be unlike any training input: 0.05 are expected
CALIBRATION = 0.05          # ... because so many training inputs are as unlike all others
ALIKE = 0.25                # with so many runs in common, two inputs are not unlike
COMPARED = 500              # inputs of each file that are compared with the training inputs
KNOWN = 20_000              # training inputs they are compared with
COMMON_WORDS = {
    "English":    "the and is of to my i you it not with have for this what",
    "German":     "der die das und ist nicht ich sie mit ein eine für wie mein zu",
    "French":     "le la les et est pas je vous avec un une pour mon du des",
    "Spanish":    "el la los y es no yo con un una para mi que del por",
    "Italian":    "il la gli e è non io con un una per mio che di sono",
    "Portuguese": "o a os e é não eu com um uma para meu que do da",
    "Dutch":      "de het een en is niet ik u met voor mijn van dat hoe op",
}
LANGUAGES = {name: set(words.split()) for name, words in COMMON_WORDS.items()}


class Profile:
    """What is kept of a file's inputs: 256 bytes each, and a table of fixed size for the words."""

    def __init__(self) -> None:
        self.lengths, self.words, self.fresh = array("I"), array("I"), array("I")
        self.scripts: Counter[str] = Counter()
        self.languages: Counter[str] = Counter()
        self.known = np.zeros(WORDS, bool)
        self._signatures = bytearray()

    def add(self, text: str, known: np.ndarray | None = None) -> None:
        """Count an input. Its words are fresh if they are not in `known`, for which the words before it stand in."""
        words = plain(text).split()
        places = np.fromiter((crc32(word.encode(errors="replace")) % WORDS for word in words), np.int64, len(words))
        self.lengths.append(len(text))
        self.words.append(len(words))
        self.fresh.append(int((~(self.known if known is None else known)[places]).sum()))
        self.known[places] = True
        self.scripts[script_of(text)] += 1
        self.languages[language_of(words)] += 1
        self._signatures += signature(text).tobytes()

    @property
    def signatures(self) -> np.ndarray:
        """The MinHash signatures, one a row."""
        return np.frombuffer(self._signatures, np.uint32).reshape(-1, BANDS * ROWS)

    def fresh_share(self, last: float = 1.0) -> float:
        """Return the share of fresh words in the last part of the inputs."""
        start = round(len(self.words) * (1 - last))
        return sum(self.fresh[start:]) / max(1, sum(self.words[start:]))

    def __len__(self) -> int:
        return len(self.lengths)


def profile_of(path: Path, known: np.ndarray, note: Note) -> Profile:
    """Return the profile of a file of production inputs; a line that cannot be read is noted, as an error."""
    found = Profile()
    for number, line in texts(path, note, json_lines=False):
        if line is None:
            continue
        if (text := sent(line)) and text.strip():
            found.add(text, known)
        else:
            note(number, "production", "This line holds no input. Write {\"messages\": [...]}, {\"input\": \"...\"}, "
                                       "or the bare text.")
    return found


def sent(line: str) -> str | None:
    """Return the input in a line of a production file, None if it is an object without one.

    What is no JSON object is the input itself. Example: sent('{"input": "Hi"}') -> "Hi"; sent("Hi") -> "Hi"
    """
    line = line.strip()
    try:
        row = json.loads(line) if line.startswith("{") else line
    except (ValueError, RecursionError):
        return line
    found = row.get("messages", row.get("input")) if isinstance(row, dict) else row
    if isinstance(found, list):
        return _conversation(found)
    return found if isinstance(found, str) else None


def _conversation(messages: list) -> str | None:
    """Return a conversation's text as training inputs have it: up to the assistant's last answer."""
    try:
        asked = messages[:-1] if messages[-1]["role"] == "assistant" else messages
        return input_of(asked)
    except (LookupError, TypeError, AttributeError, RecursionError):    # no one has checked these messages
        return None


# ---------------------------------------------------------------- what a text is written in

@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """Example: _script("ж") -> "Cyrillic" """
    return unicodedata.name(letter, "unnamed").split()[0].capitalize()


def script_of(text: str) -> str:
    """Return the script of most of a text's letters. Example: script_of("Где посылка?") -> "Cyrillic" """
    letters = [letter for letter in text[:4 * LETTERS] if letter.isalpha()][:LETTERS]
    return Counter(map(_script, letters)).most_common(1)[0][0] if letters else "no letters"


def language_of(words: list[str]) -> str:
    """Return the language whose commonest words stand most often among these, "" if none or two do."""
    counts = Counter({name: sum(word in common for word in words[:LETTERS]) for name, common in LANGUAGES.items()})
    (first, most), (_, second) = counts.most_common(2)
    return first if most > second else ""


# ---------------------------------------------------------------- two files

def differences(trained: Profile, given: Profile) -> Iterator[str]:
    """Yield, one sentence or two each, how production inputs differ from training inputs."""
    if not len(trained) or not len(given):
        return
    yield from _length(trained, given)
    yield from _shift("script", trained.scripts, given.scripts)
    yield from _shift("language", _named(trained.languages), _named(given.languages))
    yield from _vocabulary(trained, given)
    yield from _strangers(trained, given)


def _length(trained: Profile, given: Profile) -> Iterator[str]:
    usual, found = np.median(trained.lengths), np.median(given.lengths)
    longer = (np.array(given.lengths) > max(trained.lengths)).mean()
    if found > LONGER * usual or usual > LONGER * found or longer > SHARE:
        yield (f"Production inputs have {found:,.0f} characters (median), training inputs {usual:,.0f}; {longer:.0%} "
               "are longer than any in training. Add examples as long as production's.")


def _named(languages: Counter[str]) -> Counter[str]:
    return Counter({name: count for name, count in languages.items() if name})


def _shift(what: str, trained: Counter[str], given: Counter[str]) -> Iterator[str]:
    """Yield the script or language that production has most in excess of training."""
    if not trained or not given:
        return
    excess = {name: given[name] / given.total() - trained[name] / trained.total() for name in given}
    name = max(excess, key=excess.__getitem__)
    if excess[name] > SHARE:
        yield (f"The {what} {shown(name)} has {given[name] / given.total():.0%} of production inputs and "
               f"{trained[name] / trained.total():.0%} of training inputs. Add examples in it, or send them elsewhere.")


def _vocabulary(trained: Profile, given: Profile) -> Iterator[str]:
    fresh, usual = given.fresh_share(), trained.fresh_share(last=0.5)
    if fresh > usual + SHARE:
        yield (f"{fresh:.0%} of the words in production inputs do not occur in training inputs; within training, where "
               f"half of it is known, {usual:.0%} are new. Add examples with production's words.")


def _strangers(trained: Profile, given: Profile) -> Iterator[str]:
    known = _sample(trained.signatures, KNOWN)
    own   = closeness(known, _rows(len(known), COMPARED))
    limit = min(float(np.quantile(own, CALIBRATION)), ALIKE)
    found = np.array([(known == one).mean(axis=1).max() for one in _sample(given.signatures, COMPARED)])
    share = float((found < limit).mean())
    if share > UNLIKE:
        yield (f"{share:.0%} of {len(found):,} production inputs are unlike any training input: less alike than "
               f"{1 - CALIBRATION:.0%} of training inputs are to each other. Read some of them and add examples of "
               "their kind.")


def closeness(known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return how alike each of the rows is to the other one most like it."""
    if len(known) < 2:
        return np.zeros(len(rows))
    return np.array([np.delete((known == known[row]).mean(axis=1), row).max() for row in rows])


def _sample(signatures: np.ndarray, size: int) -> np.ndarray:
    return signatures[_rows(len(signatures), size)]


def _rows(total: int, size: int) -> np.ndarray:
    """Return rows spread evenly. Example: _rows(10, 3) -> [0, 4, 9]"""
    return np.linspace(0, total - 1, min(total, size)).astype(int)
