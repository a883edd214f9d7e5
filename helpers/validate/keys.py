"""Find keys and passwords in a text, and say of what kind they are.

    secret_kinds("My key is AKIA" + 16 * "X") -> ["AWS access key"]

Does not: return the secret, find personal data, or know every vendor: a text without a finding may still hold one.
"""
from __future__ import annotations

import re

# a word for a password and, after it, six characters of which one is a digit: "password: see below" is none
PASSWORD = (r"(?i:pass ?word|passwort|passwd|pwd|passphrase)\s{0,3}(?:(?:is|ist)\b:?|[:=])\s{0,3}[\"'`]?"
            r"(?=[^\s\"'`]{0,40}\d)[^\s\"'`*<>{}$]{6,}")
EMAIL = r"\w@[\w-]{1,63}\.[\w.-]{2,63}"
PATTERNS = {
    "private key":              r"-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
    "Anthropic API key":        r"\bsk-ant-[\w-]{20,}",
    "OpenAI API key":           r"\bsk-(?!ant-)(?:(?:proj|svcacct|admin)-[\w-]{20,}|[A-Za-z0-9]{32,})",
    "AWS access key":           r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "Google API key":           r"\bAIza[\w-]{35}",
    "GitHub token":             r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40,})",
    "GitLab token":             r"\bglpat-[\w-]{20,}",
    "Hugging Face token":       r"\bhf_[A-Za-z0-9]{30,}",
    "Slack token":              r"\bxox[abeoprs]-[\w-]{20,}",
    "Stripe key":               r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "JSON web token":           r"\beyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000}",
    "password in a URL":        r"\w://[^\s:/@<{\[]{1,64}:[^\s:/@<{\[*]{4,128}@",
    "e-mail address and password": EMAIL + r"(?:[\s\S]{0,80}?\b" + PASSWORD + r"|:(?=\S{0,40}\d)[^\s/]{6,})",
    "password":                 r"\b" + PASSWORD,
}
SIGNS = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


def secret_kinds(text: str) -> list[str]:
    """Return the kinds of secrets in a text. Example: secret_kinds("password: hunter42") -> ["password"]"""
    found = [kind for kind, sign in SIGNS.items() if sign.search(text)]
    return [kind for kind in found if kind != "password" or "e-mail address and password" not in found]
