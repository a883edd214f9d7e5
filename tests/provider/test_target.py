"""Who answers: the embedded model unless the reader named another, and a word where that is not enough."""
from __future__ import annotations

import pytest

from helpers import settings
from helpers.local.weights import DEFAULT_CHAT_MODEL, MINILM
from helpers.provider.target import OPENAI_URL, Target, chosen, embedded, is_loopback
from helpers.settings import SettingError
from tests.talking import MODEL, always, models, refusal

KEY = "sk-planted-0123456789"


def choose(monkeypatch, **values: str) -> Target:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return chosen()


def test_without_settings_the_embedded_model_answers_in_silence(monkeypatch, capsys):
    target = choose(monkeypatch)
    assert (target.model, target.embedded, target.on_this_machine) == (DEFAULT_CHAT_MODEL, True, True)
    assert "".join(capsys.readouterr()) == ""


def test_a_key_alone_changes_nothing_and_says_how_to_switch(monkeypatch, capsys):
    assert choose(monkeypatch, OPENAI_API_KEY=KEY).embedded
    said = "".join(capsys.readouterr())
    assert "not used" in said and "nothing leaves this machine" in said and "set COURSE_MODEL" in said
    assert KEY not in said


def test_another_model_and_a_key_choose_the_hosted_provider(monkeypatch):
    target = choose(monkeypatch, COURSE_MODEL="gpt-6-luna", OPENAI_API_KEY=KEY)
    assert (target.model, target.base_url, target.api_key) == ("gpt-6-luna", OPENAI_URL, KEY)
    assert not target.on_this_machine and not target.price("gpt-6-luna").free


def test_another_model_without_a_key_says_three_ways_on(monkeypatch):
    said = r"'gpt-6-luna' is a hosted model and OPENAI_API_KEY is empty.*\.env.*OPENAI_BASE_URL.*unset"
    with pytest.raises(SettingError, match=said):
        choose(monkeypatch, COURSE_MODEL="gpt-6-luna")


def test_naming_the_embedded_model_with_a_key_stays_on_this_machine(monkeypatch):
    assert choose(monkeypatch, COURSE_MODEL=DEFAULT_CHAT_MODEL, OPENAI_API_KEY=KEY).embedded


def test_a_model_of_the_course_asked_for_by_name_answers_here_whatever_the_settings_say(monkeypatch):
    monkeypatch.setenv("COURSE_MODEL", "gpt-6-luna")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    target = embedded("smollm2-135m")
    assert (target.model, target.on_this_machine, target.base_url) == ("smollm2-135m", True, None)
    assert KEY not in target.api_key


def test_another_name_than_the_course_has_is_refused_with_those_it_has():
    with pytest.raises(SettingError, match=r"'gpt-6-luna' is no model of the course: .*smollm2-135m.*COURSE_MODEL"):
        embedded("gpt-6-luna")


def test_settings_may_stand_in_the_env_file_and_the_environment_comes_first(monkeypatch):
    (settings.ROOT / ".env").write_text(f"COURSE_MODEL=from-file\nOPENAI_API_KEY={KEY}\n")
    assert choose(monkeypatch).model == "from-file"
    assert choose(monkeypatch, COURSE_MODEL="from-environment").model == "from-environment"


def test_a_server_is_asked_for_its_first_model_only_when_none_is_named(loopback, monkeypatch):
    url = loopback(always(models(MODEL, "other")))
    assert choose(monkeypatch, OPENAI_BASE_URL=url).model == MODEL
    asked = loopback.count
    assert choose(monkeypatch, COURSE_MODEL="mine").model == "mine"
    assert (asked, loopback.count) == (1, 1)


@pytest.mark.parametrize(("reply", "said"), [
    (refusal(401, f"bad key {KEY}"), r"did not list its models \(AuthenticationError\).*OPENAI_API_KEY"),
    (refusal(404), r"did not list its models \(NotFoundError\)"),
    (models(), r"lists no model\. Name one with COURSE_MODEL"),
])
def test_a_server_that_names_no_model_gets_a_sentence(loopback, monkeypatch, reply, said):
    with pytest.raises(SettingError, match=said) as failure:
        choose(monkeypatch, OPENAI_BASE_URL=loopback(always(reply)), OPENAI_API_KEY=KEY)
    assert KEY not in str(failure.value)


def test_a_server_that_is_not_there_gets_a_sentence(monkeypatch):
    with pytest.raises(SettingError, match=r"127\.0\.0\.1:9 did not list its models \(APIConnectionError\)"):
        choose(monkeypatch, OPENAI_BASE_URL="http://127.0.0.1:9/v1")


def test_a_server_on_loopback_is_free_unless_a_price_is_named(monkeypatch):
    target = Target("m", "http://127.0.0.1:8000/v1", "none")
    assert target.on_this_machine and target.price("m").free
    monkeypatch.setenv("COURSE_PRICE", "1,1")
    assert not target.price("m").free


@pytest.mark.parametrize(("host", "loopback"), [
    ("localhost", True), ("embedded.localhost", True), ("127.0.0.1", True), ("127.8.8.8", True),
    ("::1", True), ("192.168.1.5", False), ("api.openai.com", False), ("localhost.example.org", False),
    ("127.0.0.1.example", False)])
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(host, loopback):
    assert is_loopback(host) is loopback


def test_a_password_in_the_address_is_in_no_fingerprint_and_no_key_in_a_repr():
    target = Target("m", f"https://me:{KEY}@example.org:8000/v1", KEY)
    assert target.fingerprint("chat/completions", DEFAULT_CHAT_MODEL) == target.host == "example.org:8000"
    assert KEY not in repr(Target("m", "https://example.org/v1", KEY))


def test_the_embedded_fingerprint_names_the_weights_of_each_endpoint():
    target = chosen()
    assert target.fingerprint("embeddings", MINILM.name) == MINILM.fingerprint
    assert target.fingerprint("chat/completions", DEFAULT_CHAT_MODEL) != MINILM.fingerprint
    assert DEFAULT_CHAT_MODEL in target.fingerprint("chat/completions", DEFAULT_CHAT_MODEL)
