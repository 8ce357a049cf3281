"""Decides whether what a pattern found is a value: by what stands beside it, and by checksum where there is one.

Every check gets the text and the span of a match, and returns the spans that are values; raises nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

__all__ = ["Check", "always", "cards", "iban", "ipv4", "ipv6", "phone", "secret", "token"]

_Found = tuple[tuple[int, int], ...]

Check = Callable[[str, int, int], _Found]


def always(_text: str, start: int, end: int) -> _Found:
    return ((start, end),)


def _beside(text: str, start: int, end: int) -> tuple[str, str]:
    return text[start - 1 : start], text[end : end + 1]


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def ipv4(text: str, start: int, end: int) -> _Found:
    before, after = _beside(text, start, end)
    if _is_word(before) or before == "." or _is_word(after):
        return ()
    if after == "." and text[end + 1 : end + 2].isdigit():
        return ()
    return ((start, end),) if _parses(ipaddress.IPv4Address, text[start:end]) else ()


def ipv6(text: str, start: int, end: int) -> _Found:
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


def token(text: str, start: int, end: int) -> _Found:
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


def secret(text: str, start: int, end: int) -> _Found:
    return () if text[start:end].lower().strip(".") in _NOT_SECRET else ((start, end),)


_CARD_LENGTHS = {"2": (16,), "3": (14, 15), "4": (13, 16, 19), "5": (16,), "6": (16, 17, 18, 19)}
_CARD_GROUPS = ((4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4))


def cards(text: str, start: int, end: int) -> _Found:
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


def iban(text: str, start: int, _end: int) -> _Found:
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


def phone(text: str, start: int, end: int) -> _Found:
    before, after = _beside(text, start, end)
    digits = sum(char.isdigit() for char in text[start:end])
    plain = text[start + 1 : end].isdigit()
    if _is_word(before) or _is_word(after) or not (10 if plain else 8) <= digits <= 15:
        return ()
    return ((start, end),)
