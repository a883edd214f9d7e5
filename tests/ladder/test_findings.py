"""What was found goes into JSON and comes back the same."""
from __future__ import annotations

import json

from helpers.evaluation import compare, evaluate
from helpers.ladder import findings
from helpers.ladder.findings import Step
from tests.talking import examples


def answered(example) -> str:
    if example.id == "e2":
        raise ValueError("no")
    return "delivery" if example.id < "e4" else '{"category": "delivery", "priority": "odd"}'


def test_a_run_comes_back_from_its_rows():
    rows = examples(6)
    run = evaluate(answered, rows, name="m")
    found = {"questions": findings.questions(rows),
             "steps": [Step("rag", "model", skipped="no").as_json(), Step("prompt", "model", run, choices=[run],
                                                                           chosen="m", once=1.234).as_json()]}
    found = json.loads(json.dumps(found))
    [back] = findings.runs(found)
    assert (back.name, back.right, back.failed, back.valid_rate) == ("m", 3, 1, run.valid_rate)
    assert back.rows.reply.to_list() == run.rows.reply.to_list() and compare(run, back).flips.empty
    assert back.interval == run.interval and back.rows.expected[0] == "delivery"
    assert [step["rung"] for step in findings.asked(found)] == ["prompt"]
    assert found["steps"][1]["choices"] == [{"name": "m", "rows": [[one.id, int(one.id in ("e0", "e1", "e3"))]
                                                                   for one in rows]}]
