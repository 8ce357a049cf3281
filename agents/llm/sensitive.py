"""Finds what must not leave the process: people, addresses, credentials, accounts. Patterns propose, checks decide.

google-re2 matches in linear time, so no log line can stall it. It has no look-around: a rule that must look beside its
match does so in its check. Numbers that carry a checksum (cards: Luhn, ISO/IEC 7812; IBAN: mod 97, ISO 13616) are taken
only if it holds. Phone numbers are taken only in international form (E.164) or as (NNN) NNN-NNNN: anything looser
eats identifiers and measurements.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import re2

__all__ = ["RULES", "Kind", "Rule", "Span"]

Kind = str
"""Upper-case name that appears in the placeholder: EMAIL, IPV4, ..."""


_Found = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """`text[start:end]` is a value of this kind."""

    start: int
    end: int
    kind: Kind


def _always(_text: str, start: int, end: int) -> _Found:
    return ((start, end),)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind's pattern.

    `check` gets the text and what the pattern matched, and returns the spans that are values. `hints` are cheap
    lower-case texts of which one must occur for the pattern to be tried at all.
    """

    kind: Kind
    pattern: str
    hints: tuple[str, ...] = ()
    check: Callable[[str, int, int], _Found] = _always

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


def _beside(text: str, start: int, end: int) -> tuple[str, str]:
    return text[start - 1 : start], text[end : end + 1]


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _ipv4(text: str, start: int, end: int) -> _Found:
    before, after = _beside(text, start, end)
    if _is_word(before) or before == "." or _is_word(after):
        return ()
    if after == "." and text[end + 1 : end + 2].isdigit():
        return ()
    return ((start, end),) if _parses(ipaddress.IPv4Address, text[start:end]) else ()


def _ipv6(text: str, start: int, end: int) -> _Found:
    while end > start and (text[end - 1] == "." or (text[end - 1] == ":" and text[end - 2 : end] != "::")):
        end -= 1
    before, after = _beside(text, start, end)
    value = text[start:end]
    if _is_word(before) or _is_word(after) or not any(char.isdigit() for char in value):
        return ()
    return ((start, end),) if _parses(ipaddress.IPv6Address, value) else ()


def _parses(address: Callable[[str], object], value: str) -> bool:
    try:
        address(value)
    except ValueError:
        return False
    return True


def _token(text: str, start: int, end: int) -> _Found:
    # "bearer authentication" is prose; real tokens of this length hold a digit.
    return ((start, end),) if any(char.isdigit() for char in text[start:end]) or end - start >= 40 else ()


_NOT_SECRET = frozenset(
    {
        "none",
        "null",
        "nil",
        "true",
        "false",
        "missing",
        "invalid",
        "expired",
        "required",
        "empty",
        "undefined",
        "unset",
    }
)


def _secret(text: str, start: int, end: int) -> _Found:
    return () if text[start:end].lower().strip(".") in _NOT_SECRET else ((start, end),)


_CARD_LENGTHS = {"2": (16,), "3": (14, 15), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}
_CARD_GROUPS = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4))


def _cards(text: str, start: int, end: int) -> _Found:
    before, after = _beside(text, start, end)
    if _is_word(before) or _is_word(after) or before == ".":
        return ()
    groups = [
        (start + group.start(), start + group.end()) for group in re.finditer("[0-9]+", text[start:end])
    ]
    windows = [
        (groups[index : index + size]) for size in (1, 3, 4, 5) for index in range(len(groups) - size + 1)
    ]
    return tuple((window[0][0], window[-1][1]) for window in windows if _is_card(text, window))


def _is_card(text: str, groups: list[tuple[int, int]]) -> bool:
    if len(groups) > 1 and tuple(end - start for start, end in groups) not in _CARD_GROUPS:
        return False
    digits = [int(char) for start, end in groups for char in text[start:end]]
    fits = len(digits) in _CARD_LENGTHS.get(str(digits[0]), ()) and len(set(digits)) > 1
    return fits and _luhn(digits)


def _luhn(digits: list[int]) -> bool:
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# Country and length of its IBAN, from the SWIFT registry (release 99).
_IBAN_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in [
        "AD24",
        "AE23",
        "AL28",
        "AT20",
        "AZ28",
        "BA20",
        "BE16",
        "BG22",
        "BH22",
        "BR29",
        "BY28",
        "CH21",
        "CR22",
        "CY28",
        "CZ24",
        "DE22",
        "DK18",
        "DO28",
        "EE20",
        "EG29",
        "ES24",
        "FI18",
        "FO18",
        "FR27",
        "GB22",
        "GE22",
        "GI23",
        "GL18",
        "GR27",
        "GT28",
        "HR21",
        "HU28",
        "IE22",
        "IL23",
        "IQ23",
        "IS26",
        "IT27",
        "JO30",
        "KW30",
        "KZ20",
        "LB28",
        "LC32",
        "LI21",
        "LT20",
        "LU20",
        "LV21",
        "LY25",
        "MC27",
        "MD24",
        "ME22",
        "MK19",
        "MR27",
        "MT31",
        "MU30",
        "NL18",
        "NO15",
        "PK24",
        "PL28",
        "PS29",
        "PT25",
        "QA29",
        "RO24",
        "RS22",
        "SA24",
        "SC31",
        "SE24",
        "SI19",
        "SK24",
        "SM27",
        "ST25",
        "SV28",
        "TL23",
        "TN24",
        "TR26",
        "UA29",
        "VA22",
        "VG24",
        "XK20",
    ]
}


def _iban(text: str, start: int, _end: int) -> _Found:
    length = _IBAN_LENGTHS.get(text[start : start + 2])
    if length is None or _is_word(text[start - 1 : start]):
        return ()
    # The pattern finds the head only; the country says how far it goes, spaces aside.
    reach = text[start : start + length * 2]
    places = [start + offset for offset, char in enumerate(reach) if char != " "][:length]
    compact = "".join(text[place] for place in places)
    if (
        len(places) < length
        or not re.fullmatch("[A-Z0-9]+", compact)
        or _is_word(text[places[-1] + 1 : places[-1] + 2])
    ):
        return ()
    number = int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4]))
    return ((start, places[-1] + 1),) if number % 97 == 1 else ()


def _phone(text: str, start: int, end: int) -> _Found:
    before, after = _beside(text, start, end)
    digits = sum(char.isdigit() for char in text[start:end])
    plain = text[start + 1 : end].isdigit()
    if _is_word(before) or _is_word(after) or not (10 if plain else 8) <= digits <= 15:
        return ()
    return ((start, end),)


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
    Rule("BEARER", r"(?i)\bbearer[ \t]+([A-Za-z0-9._~+/-]{12,}=*)", ("bearer",), _token),
    Rule("COOKIE", r"(?i)\b(?:set-)?cookie\\*[\"']?[ \t]*:[ \t]*([^\r\n<>]+)", ("cookie",)),
    Rule("URL_PASSWORD", r"[A-Za-z][A-Za-z0-9+.-]*://[^\s:@/?#<>]*:([^\s/?#<>]+)@", ("://",)),
    Rule(
        "SECRET",
        _SECRET_ASSIGNED,
        ("pass", "pwd", "secret", "token", "credential", "key", "session", "connection"),
        _secret,
    ),
    Rule("EMAIL", r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}", ("@",)),
    Rule("IBAN", r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4}", (), _iban),
    Rule("CARD", r"[0-9](?:[ -]?[0-9]){12,}", (), _cards),
    Rule("IPV4", r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}", (".",), _ipv4),
    Rule("IPV6", r"[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*|(?:[0-9A-Fa-f]{1,4}:){6,7}[0-9A-Fa-f.]+", (":",), _ipv6),
    Rule(
        "PHONE",
        r"\+[0-9]{1,3}[ .-]?(?:\([0-9]{1,4}\)[ .-]?)?[0-9]{1,4}(?:[ .-]?[0-9]{2,4}){1,4}"
        r"|\([0-9]{3}\) ?[0-9]{3}-[0-9]{4}",
        ("+", "("),
        _phone,
    ),
)
"""In order of precedence: where values overlap, the union is masked under the first rule's name."""
