"""The command, end to end, on small files of every kind and a server that answers at once."""
from __future__ import annotations

import json
import os

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from helpers.ladder import __main__ as command
from helpers.ladder import page
from helpers.tasks import TaskError, load_task
from tests.ladder.own import WORDS, climbed, embedding, labelled, lines, served, server, table, texts


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def by_rung(found: dict) -> dict[str, dict]:
    return {step["rung"]: step for step in found["steps"]}


def replies(found: dict, name: str) -> list:
    return [row["reply"] for step in found["steps"] if step["name"] == name for row in step["rows"]]


def fails(monkeypatch, *words: object) -> str:
    """Run the command as a terminal does and return the sentence it ends with."""
    monkeypatch.setattr("sys.argv", ["ladder", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        command.main()
    return str(caught.value.code)


# ---------------------------------------------------------------- labels

@pytest.mark.parametrize("more, may_train", [([], True), (["--rungs", "baselines"], False)])
def test_a_missed_target_trains_only_where_no_rungs_are_named(monkeypatch, tmp_path, more, may_train):
    seen = {}

    def climb(*_, tune_at_will, **__):
        seen["may train"] = tune_at_will
        raise TaskError("far enough")
    monkeypatch.setattr(command, "Climb", climb)
    monkeypatch.setattr(command, "planned", lambda *_: None)
    path = labelled(tmp_path)
    assert "far enough" in fails(monkeypatch, path, "--target", "0.99", *more)
    assert seen["may train"] is may_train


def test_the_whole_ladder_is_climbed_and_said(whole):
    assert [(step["rung"], bool(step["rows"])) for step in whole.found["steps"]] == [
        *[("baselines", True)] * 4, ("prompt", True), ("schema", True), ("few-shot", True), ("retrieved", True),
        ("rag", False), ("fine-tune", False)]
    for said in ("own: labels, 3 labels; rows: 84 train, 21 validation, 35 test.", "on this machine, free",
                 "35 test rows and 21 validation rows are asked at each rung: about", "95% interval",
                 "What would change it:", "The report: ", "It holds your rows"):
        assert said in whole.printed


def test_the_baselines_are_scikit_learns_own(whole):
    task = load_task(whole.path)
    train, test = [one.input for one in task.train], [one.input for one in task.test]
    labels = [one.expected for one in task.train]
    vectors, asked = (np.array(list(map(embedding, part)), dtype=np.float32) for part in (train, test))
    vectors, asked = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (vectors, asked))
    words = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
                          LogisticRegression(C=10, max_iter=2000)).fit(train, labels)
    votes = KNeighborsClassifier(5, metric="cosine", algorithm="brute").fit(vectors, labels)
    assert replies(whole.found, "most common label") == list(DummyClassifier().fit(train, labels).predict(test))
    assert replies(whole.found, "TF-IDF + regression") == list(words.predict(test))
    assert replies(whole.found, "embeddings + regression") == list(
        LogisticRegression(C=10, max_iter=2000).fit(vectors, labels).predict(asked))
    first, second = np.sort(votes.predict_proba(asked), axis=1)[:, [-1, -2]].T
    agree = np.array(replies(whole.found, "5 nearest neighbours")) == votes.predict(asked)
    clear = first > second                      # a tie goes to the nearest here, and to the first label there
    assert agree[clear].all() and clear.sum() > 25


def test_seventy_seven_labels_and_ten_thousand_rows_are_sampled_and_it_is_said(tmp_path, monkeypatch, loopback, capsys):
    served(monkeypatch, loopback)
    rows = [(f"{text} {i % 77} {i}", f"intent {i % 77}") for i, (text, _) in enumerate(texts(2_500) * 4)]
    path = table(tmp_path / "own.csv", ("text", "label"), rows)
    found = climbed(monkeypatch, path, "--rungs", "prompt", "--rows", 20)
    assert len(found["task"]["labels"]) == 77 and found["task"]["rows"]["train"] == 2_000
    assert len(by_rung(found)["prompt"]["rows"]) == 20 and found["curve"] == []
    assert "drawn at random, are learned from" in capsys.readouterr().out
    assert "intent 76" in loopback.requests[-1].json["messages"][0]["content"]


def test_long_texts_are_cut_and_still_climbed(tmp_path, monkeypatch, loopback, capsys):
    served(monkeypatch, loopback)
    monkeypatch.setattr(command.provider.Target, "embedded", property(lambda self: True))
    monkeypatch.setattr(command.provider, "chosen", lambda: command.provider.Target("loop-1", None, "k"))
    rows = [(f"{text} " * 200, label) for text, label in texts(60)]
    path = table(tmp_path / "own.csv", ("text", "label"), rows)
    task, facts = command.loaded(command.parser().parse_args([str(path)]), command.provider.chosen())
    assert max(len(one.input) for one in task.test) == 6_000
    assert any("longer than 6,000 characters, cut there" in note for note in facts["notes"])


def test_texts_in_another_language_are_climbed_with_a_warning(tmp_path, monkeypatch, loopback, capsys):
    served(monkeypatch, loopback, server(lambda asked: "оплата"))
    rows = [(f"где моя посылка номер {i}" if i % 2 else f"счёт на сумму {i}", "доставка" if i % 2 else "оплата")
            for i in range(60)]
    found = climbed(monkeypatch, table(tmp_path / "own.tsv", ("text", "label"), rows, "\t"), "--rungs",
                    "baselines,prompt")
    assert "in Cyrillic letters" in capsys.readouterr().out
    assert by_rung(found)["prompt"]["rows"][0]["reply"] == "оплата"
    assert sum(row["right"] for row in found["steps"][1]["rows"]) > 10


def test_groups_stay_together(tmp_path, monkeypatch, loopback):
    served(monkeypatch, loopback)
    rows = [(text, label, f"c{i % 30}") for i, (text, label) in enumerate(texts(120))]
    path = table(tmp_path / "own.csv", ("text", "label", "customer"), rows)
    found = climbed(monkeypatch, path, "--group", "Customer", "--rungs", "prompt")
    assert found["task"]["groups"] == 7 and "come from 7 groups" in page.visible(
        (tmp_path / "own-ladder.html").read_text(encoding="utf-8"))


# ---------------------------------------------------------------- other kinds

def test_records_are_climbed(tmp_path, monkeypatch, loopback):
    def reader(asked: dict) -> str:
        word = asked["messages"][-1]["content"].split()[0]
        return json.dumps({"what": word, "count": 2 if "response_format" in asked else None})
    served(monkeypatch, loopback, server(reader))
    rows = [(f"{text.split()[0]} {text}", json.dumps({"what": text.split()[0], "count": 2})) for text, _ in texts(80)]
    found = climbed(monkeypatch, table(tmp_path / "own.csv", ("text", "expected"), rows), "--rungs",
                    "baselines,prompt,schema,retrieved")
    steps = by_rung(found)
    assert found["task"]["kind"] == "records" and steps["baselines"]["name"] == "answer of the nearest row"
    assert [sum(row["right"] for row in steps[name]["rows"]) for name in ("prompt", "schema")] == [0, 20]


def test_questions_are_answered_from_documents(tmp_path, monkeypatch, loopback):
    (tmp_path / "pages").mkdir()
    for label, words in WORDS.items():
        (tmp_path / "pages" / f"{label}.md").write_text(f"# {label}\n\nAll about {', '.join(words)}: ask {label}y.\n")
    served(monkeypatch, loopback, server(lambda asked: "I don't know." if "Passage 1" not in
                                         asked["messages"][0]["content"] else "deliveryy"))
    rows = [{"question": f"whom for {text}?", "answer": f"{label}y" if i % 6 else None, "variants": [str(i)]}
            for i, (text, label) in enumerate(texts(60))]
    found = climbed(monkeypatch, lines(tmp_path / "own.jsonl", rows), "--documents", tmp_path / "pages", "--rungs",
                    "baselines,prompt,schema,rag")
    steps = by_rung(found)
    assert found["task"]["kind"] == "questions" and steps["rag"]["rows"]
    assert "no schema" in steps["schema"]["skipped"] and steps["baselines"]["name"] == "best passage, unread"


def test_free_texts_are_scored_by_rules(tmp_path, monkeypatch, loopback):
    (tmp_path / "rules.json").write_text('{"must_contain": ["regards"], "must_contain_column": "order"}')
    served(monkeypatch, loopback, server(
        lambda asked: f"Order {asked['messages'][-1]['content'].split()[-1]}. Regards"))
    rows = [(f"{text} A{i}", f"Dear you, A{i}. Regards", f"A{i}") for i, (text, _) in enumerate(texts(60))]
    path = table(tmp_path / "own.csv", ("text", "answer", "order"), rows)
    found = climbed(monkeypatch, path, "--rules", "rules.json", "--rungs", "prompt,schema", "--instruction",
                    "Answer the customer.")
    assert sum(row["right"] for row in by_rung(found)["prompt"]["rows"]) == 15
    assert loopback.requests[0].json["messages"][0]["content"] == "Answer the customer."


def test_a_task_of_the_course_is_climbed_by_its_name(monkeypatch, loopback):
    served(monkeypatch, loopback, server(lambda asked: "delivery"))
    found = climbed(monkeypatch, "tickets", "--rungs", "prompt", "--rows", 10)
    assert found["task"]["headline"] == "category" and len(by_rung(found)["prompt"]["rows"]) == 10
    assert [choice["name"] for choice in by_rung(found)["prompt"]["choices"]] == ["label names", "labels described"]


# ---------------------------------------------------------------- what is refused, and where data goes

@pytest.mark.parametrize(("rows", "said"), [
    ([("one", "a"), ("two", "b")], r"own.csv has 2 rows with a text and an answer: too few"),
    ([(f"text {i}", "a") for i in range(30)], "holds one label, 'a'"),
    ([(f"text {i}", f"answer {i}") for i in range(30)], "free texts, or labels with too few rows each"),
])
def test_data_that_cannot_be_climbed_is_one_sentence(tmp_path, monkeypatch, rows, said):
    assert said in fails(monkeypatch, table(tmp_path / "own.csv", ("text", "label"), rows))


@pytest.mark.parametrize(("words", "said"), [
    (("absent.csv",), "There is no file absent.csv"), (("nothing",), "There is no task 'nothing'"),
    (("own.csv", "--rungs", "vote"), "There is no rung 'vote'"),
    (("own.csv", "--documents", "absent"), "There is no folder absent"),
    (("own.csv", "--expected", "colour"), "has no column called 'colour': it has text, label"),
])
def test_words_that_do_not_hold_are_one_sentence(tmp_path, monkeypatch, words, said):
    labelled(tmp_path, 40)
    assert said in fails(monkeypatch, *words)


@pytest.mark.parametrize(("words", "said"), [(("--target", 90), "write 90% as 0.90"), (("--rows", 0), "above 0")])
def test_numbers_that_do_not_hold_are_refused(monkeypatch, capsys, words, said):
    assert fails(monkeypatch, "my.csv", *words) == "2" and said in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(monkeypatch):
    def stop(options: object) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(command, "run", stop)
    assert "the same command goes on from here" in fails(monkeypatch, "my.csv")


def test_a_key_alone_sends_nothing_and_a_hosted_model_is_named_with_its_price(monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    assert command.provider.chosen().on_this_machine
    monkeypatch.setenv("COURSE_MODEL", "gpt-6-luna")
    command.said({"rows": {"test": 5}, "labels": {}, "notes": [], "checks": [], "name": "own", "kind": "labels"},
                 command.provider.chosen())
    assert "The texts are sent to api.openai.com." in capsys.readouterr().out


def test_a_budget_is_for_this_run(monkeypatch, tmp_path, loopback):
    served(monkeypatch, loopback)
    monkeypatch.setenv("COURSE_PRICE", "1,1")
    monkeypatch.setenv("COURSE_BUDGET", "0")
    found = climbed(monkeypatch, labelled(tmp_path, 60), "--rungs", "prompt", "--budget", "0.5")
    assert by_rung(found)["prompt"]["rows"] and float(os.environ["COURSE_BUDGET"]) == 0.5
    assert 0 < sum(row["cost"] for row in by_rung(found)["prompt"]["rows"]) < 0.5
    with pytest.raises(TaskError):
        climbed(monkeypatch, "absent.csv")


@pytest.mark.live
def test_the_embedded_model_climbs(tmp_path, monkeypatch, capsys):
    found = climbed(monkeypatch, labelled(tmp_path, 48), "--rungs", "baselines,prompt,schema", "--rows", 6)
    asked = [step for step in found["steps"] if step["rows"]]
    assert [step["rung"] for step in asked] == [*["baselines"] * 4, "prompt", "schema"]
    assert not any(row["error"] for step in asked for row in step["rows"])
    assert all(row["valid"] for row in asked[-1]["rows"])
