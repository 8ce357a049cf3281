"""Finds what must not leave the process: people, addresses, credentials, accounts. Patterns propose, checks decide.

google-re2 matches in linear time, so no log line can stall it. It has no look-around: a rule that must look beside its
match does so in its check. Numbers that carry a checksum (cards: Luhn, ISO/IEC 7812; IBAN: mod 97, ISO 13616) are taken
only if it holds. Phone numbers are taken only in international form (E.164) or as (NNN) NNN-NNNN: anything looser
eats identifiers and measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import re2

from agents.llm.checks import Check, always, cards, iban, ipv4, ipv6, phone, secret, token

__all__ = ["RULES", "Kind", "Rule", "Span"]

Kind = str
"""Upper-case name that appears in the placeholder: EMAIL, IPV4, ..."""


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is a value of this kind."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind's pattern.

    `check` gets the text and what the pattern matched, and returns the spans that are values. `hints` are cheap
    lower-case texts of which one must occur for the pattern to be tried at all.
    """

    kind: Kind
    pattern: str
    hints: tuple[str, ...] = ()
    check: Check = always

    def spans(self, text: str, lowered: str) -> Iterator[Span]:
        """Yield the values found, left to right. A pattern with groups yields the group that matched."""
        if self.hints and not any(hint in lowered for hint in self.hints):
            return
        for match in _compiled(self.pattern).finditer(text):
            group = match.lastindex or 0
            start, end = match.span(group)
            for first, last in self.check(text, start, end):
                yield Span(first, last, self.kind)


@cache
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_KEY_WORDS = (
    r"password|passwd|passphrase|passwort|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|secret[_-]?key|private[_-]?key|auth[_-]?key|account[_-]?key|encryption[_-]?key|session[_-]?(?:id|key)"
    r"|connection[_-]?string"
)
_SECRET_ASSIGNED = (
    rf"(?i)(?:{_KEY_WORDS})(?:[_-]?(?:value|hash|base64|b64))?\\*[\"']?[ \t]*(?:=>|:=|=|:)[ \t]*"
    r"(?:\\+\"([^\"\\\n]+)|\"((?:[^\"\\\n]|\\.)+)\"|'((?:[^'\\\n]|\\.)+)'|([^\s\"',;&{}\[\]()<>\\]{3,}))"
)

RULES: tuple[Rule, ...] = (
    # PEM bodies hold no angle brackets, so a key that was cut short cannot swallow the fence around it.
    Rule(
        "PRIVATE_KEY",
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[^<>]*?-----END [A-Z0-9 ]*PRIVATE KEY-----"
        r"|-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*",
        ("private key-----",),
    ),
    Rule("JWT", r"\beyJ[A-Za-z0-9_-]{5,}\.eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*", ("eyj",)),
    Rule("AWS_KEY", r"\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA|AIPA)[A-Z0-9]{16}\b", ("a",)),
    Rule(
        "API_KEY",
        r"\b(?:sk-[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}"
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}"
        r"|hf_[A-Za-z0-9]{30,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"
        r"|dop_v1_[a-f0-9]{64}|[a-z]+_(?:live|test)_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,})",
        ("sk-", "gh", "glpat-", "xox", "aiza", "npm_", "pypi-", "hf_", "sg.", "_live_", "_test_", "dop_v1_"),
    ),
    Rule(
        "AUTHORIZATION",
        r"(?i)\bauthorization\\*[\"']?[ \t]*[:=][ \t]*\\*[\"']?(?:[a-z][a-z0-9-]*[ \t]+)?([^\s\"',;\\<>]{6,})",
        ("authorization",),
    ),
    Rule("BEARER", r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/-]{12,}=*)", ("bearer",), token),
    Rule("COOKIE", r"(?i)\b(?:set-)?cookie\\*[\"']?[ \t]*:[ \t]*([^\r\n<>]+)", ("cookie",)),
    Rule("URL_PASSWORD", r"[A-Za-z][A-Za-z0-9+.-]*://[^\s:@/?#<>]*:([^\s/?#<>]+)@", ("://",)),
    Rule(
        "SECRET",
        _SECRET_ASSIGNED,
        ("pass", "pwd", "secret", "token", "credential", "key", "session", "connection"),
        secret,
    ),
    Rule("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", ("@",)),
    Rule("IBAN", r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}", (), iban),
    Rule("CARD", r"[0-9](?:[ -]?[0-9]){12,}", (), cards),
    Rule("IPV4", r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", (".",), ipv4),
    Rule("IPV6", r"[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*|(?:[0-9A-Fa-f]{1,4}:){6,7}[0-9A-Fa-f.]+", (":",), ipv6),
    Rule(
        "PHONE",
        r"\+[0-9]{1,3}[ .-]?(?:\([0-9]{1,4}\)[ .-]?)?[0-9]{1,4}(?:[ .-]?[0-9]{2,4}){1,4}"
        r"|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}",
        ("+", "("),
        phone,
    ),
)
"""In order of precedence: where values overlap, the union is masked under the first rule's name."""
