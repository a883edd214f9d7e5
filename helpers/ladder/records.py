"""Score the records of a reader's own data: a yes or no, a list and an object are compared part by part.

    alike({"paid": True, "tags": ["a"]}, {"paid": True, "tags": ["A"]}) -> True

Numbers, dates and texts are compared as helpers.records does it. Does not: let a name leave a part out; what may be
left out of a name is known for the course's invoices and not for other fields.
"""
from __future__ import annotations

from helpers import records
from helpers.tasks import Example, RecordTask, Score


class OwnRecords(RecordTask):
    """A task whose answers are records of any shape."""

    def score(self, example: Example, reply: object, exact: bool = False) -> Score:
        """Score one reply: valid if every record fits the shape, right if all fields of all records are.

        Example: score(example, "[]") -> Score(valid=True, right=False, fields={"amount": False, …})
        """
        given = records.read(reply)
        if given is None:
            return Score(False, False, dict.fromkeys(self.fields, False))
        whole = [{name: one.get(name) for name in self.fields} for one in given]
        even = len(whole) == len(example.expected)
        marks = {name: even and all(alike(right[name], said[name]) for right, said in
                                    zip(example.expected, whole, strict=True)) for name in self.fields}
        valid = all(map(self._fits, given))
        return Score(valid, valid and all(marks.values()), marks)


def alike(right: object, said: object) -> bool:
    """Say whether two values mean the same. Example: alike(True, 1) -> False; alike([12.5], ["12,50"]) -> True"""
    if isinstance(right, bool) or isinstance(said, bool):
        return right is said
    if isinstance(right, list):
        return isinstance(said, list) and len(right) == len(said) and all(map(alike, right, said))
    if isinstance(right, dict):
        return isinstance(said, dict) and all(alike(right.get(name), said.get(name)) for name in {**right, **said})
    return not isinstance(said, list | dict) and records.alike(right, said)
