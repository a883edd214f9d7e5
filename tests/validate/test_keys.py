"""Keys and passwords are named by kind and never shown; talk of passwords is left in peace."""
from __future__ import annotations

import pytest

from helpers.validate import check
from helpers.validate.keys import secret_kinds
from tests.validate.files import found, row, says, user, with_fifth

SECRETS = {        # put together here, so that no scanner takes this file for a leak
    "OpenAI API key":              "sk-" + "proj-" + "a1B2" * 10,
    "Anthropic API key":           "sk-" + "ant-api03-" + "a1B2" * 10,
    "AWS access key":              "AKIA" + "ABCD1234" * 2,
    "GitHub token":                "ghp_" + "a1B2" * 9,
    "Google API key":              "AIza" + "a1B2c" * 7,
    "Hugging Face token":          "hf_" + "aBcD" * 9,
    "private key":                 "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE",
    "password":                    "The password is: hunter42x",
    "password in a URL":           "postgres://ann:hunter42x@db.example.org/x",
    "e-mail address and password": "ann@example.org\npassword: hunter42x",
}
HARMLESS = ["I forgot my password: what now?", "Password: ********", "password: <your password>", "Write to a@b.org",
            "https://example.org:8080/a@b", "sk-learn and task-runner-for-everyone-everywhere",
            "Your password is required"]


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_named_by_kind_and_never_shown(tmp_path, kind):
    secret = SECRETS[kind]
    assert secret_kinds(f"See: {secret}, for now") == [kind]
    report = check(with_fifth(tmp_path, row(user(secret), says("Yes."), comment=secret)))
    said = [finding.message for finding in report.warnings if finding.kind == "secret" and finding.line == 5]
    assert len(said) == 1 and f"({kind})" in said[0]
    assert secret not in str(report) and "hunter42x" not in str(report)
    shown = check(with_fifth(tmp_path, {"messages": [{"role": secret, "content": "Hi"}], secret: 1}))
    assert secret not in str(shown) and "hunter42x" not in str(shown)


@pytest.mark.parametrize("text", HARMLESS)
def test_talk_of_passwords_is_no_secret(tmp_path, text):
    assert "secret" not in {kind for _, kind in found(check(with_fifth(tmp_path, row(user(text), says("Yes.")))))}
