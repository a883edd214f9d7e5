"""Items of a task are ordered by likeness, the item itself left out."""
from __future__ import annotations

import pytest

from helpers.instructions.collection import SmallTask
from helpers.instructions.likeness import Likeness


@pytest.mark.live
def test_the_item_about_the_same_thing_comes_first():
    items = [{"text": text} for text in ("The hens escaped again", "Please buy flour and yeast", "Our chickens ran off",
                                         "Bread needs an hour to rise")]
    task = SmallTask("inn/notes", "label", "", ["?"], "note", items)
    likeness = Likeness()
    assert likeness.nearest(task, items[0])[0] is items[2]
    assert likeness.nearest(task, items[1])[0] is items[3]
    assert len(likeness.nearest(task, items[0])) == 3
