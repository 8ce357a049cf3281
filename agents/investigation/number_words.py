"""Numbers that a text spells out: "ninety-five percent", "tripled", "two hundred". English only, as the prompts ask for.

Small numbers by themselves are no figures: "one of them", "the two services".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["spelled"]

_SMALL: Final = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_UNITS: Final = {word: float(value) for value, word in enumerate(_SMALL.split())}
_ROUND: Final = "- - twenty thirty forty fifty sixty seventy eighty ninety"
_TENS: Final = {word: 10.0 * value for value, word in enumerate(_ROUND.split()) if value > 1}
_SCALES: Final = {"dozen": 12.0, "hundred": 100.0, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_TIMES: Final = {
    "doubled": 2.0,
    "doubling": 2.0,
    "tripled": 3.0,
    "trebled": 3.0,
    "quadrupled": 4.0,
    "quintupled": 5.0,
    "halved": 0.5,
}
_NUMBER: Final = "|".join((*_UNITS, *_TENS, *_SCALES))
_SPELLED: Final = re.compile(
    rf"\b(?P<number>(?:{_NUMBER})(?:(?:[\s-]+and)?[\s-]+(?:{_NUMBER}))*)s?(?P<share>[\s-]*(?:percent|per cent|fold|times)\b)?(?!\w)"
    rf"|\b(?P<times>{'|'.join(_TIMES)})\b",
    re.IGNORECASE,
)


def spelled(text: str) -> Iterator[tuple[str, float]]:
    """Yield each number that is spelled out, as it stands there and its value; "tripled" is 3, of whatever it is a multiple."""
    for found in _SPELLED.finditer(text):
        if found["times"]:
            yield found[0], _TIMES[found["times"].lower()]
            continue
        words = re.split(r"[\s-]+", found["number"].lower())
        if found["share"] or len(words) > 1 or words[0] not in _UNITS:
            yield found[0].strip(), _value(words)


def _value(words: list[str]) -> float:
    total = part = 0.0
    for word in words:
        if word in _SCALES:
            part = max(part, 1.0) * _SCALES[word]
            total, part = (total + part, 0.0) if _SCALES[word] >= _SCALES["thousand"] else (total, part)
        else:
            part += _UNITS.get(word, 0.0) + _TENS.get(word, 0.0)
    return total + part
