"""The handbook's facts are divided, and changed, where they should be."""
from __future__ import annotations

from helpers.answers import holds
from helpers.documents import read_folder
from helpers.experiments import facts
from helpers.tasks import load_task

TASK = load_task("handbook")
PAGES = read_folder(facts.HANDBOOK / "pages")


def test_110_questions_are_taught_and_40_are_not():
    taught, unseen = facts.divided(TASK)
    assert (len(taught), len(unseen)) == (110, 40)
    assert not {one.id for one in taught} & {one.id for one in unseen}
    assert {one.id for one in taught[:60]} == set(facts.paraphrases())


def test_every_changed_fact_was_taught_and_has_another_answer():
    old = {one.id: one for one in facts.divided(TASK)[0]}
    for new in facts.with_changes(list(old.values())):
        if new.id in facts.changes():
            assert not holds(new.expected, old[new.id].tags["variants"]) and TASK.score(new, new.expected).right
        else:
            assert new == old[new.id]
    assert set(facts.changes()) <= set(old)


def test_the_pages_say_the_new_fact_where_they_said_the_old_one():
    was, now = ({page.source: page.text for page in pages} for pages in (PAGES, facts.changed_pages(PAGES)))
    edited = {source for source in was if was[source] != now[source]}
    assert edited == {f"{change['page']}.md" for change in facts.changes().values()}
    for change in facts.changes().values():
        assert change["new"] in now[f"{change['page']}.md"]
        assert was[f"{change['page']}.md"].count(change["old"]) > now[f"{change['page']}.md"].count(change["old"])
