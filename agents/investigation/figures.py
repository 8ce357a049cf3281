"""Numbers in sentences: does every one of them stand in the evidence?"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import datetime

from agents.investigation.number_words import spelled
from schemas.events.evidence import Evidence

__all__ = ["Figures", "unsupported"]

# A number, a clock time, a date or a version; not the 2 of `ts-ui-2` or the 95 of `p95`.
_TOKEN = re.compile(r"(?<![A-Za-z0-9_.#/-])-?\d(?:[\d.,:/-]*\d)?(?![\d_])")
# Rounding may change a figure by a twentieth: 0.8 is not 1.
_CLOSE = 0.05
_TINY = 1e-12
_LABEL = re.compile(r"\[E\d+(?:\s*,\s*E\d+)*\]|\bE\d+\b")
# Clock times, dates and versions: their parts are no numbers of their own.
_COMPOUND = re.compile(r"\d+(?:[:/-]\d+)+(?:\.\d+)?|\d+(?:\.\d+){2,}")
# Which samples a figure is of: for a query, not for a sentence.
_SPAN = re.compile(r'"(?:span_(?:from|to)|day_slack|lasted)_s": [^,}]+')
_ANY = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


class Figures:
    """The numbers that some evidence holds, in its words, its data and its times."""

    def __init__(self, evidence: Iterable[Evidence]) -> None:
        self._text = "\n".join(part for one in evidence for part in _parts(one))
        plain = _COMPOUND.sub(" ", self._text.replace(",", ""))
        self._numbers = sorted({float(found) for found in _ANY.findall(plain)})

    def hold(self, token: str) -> bool:
        """Return whether the token stands in the evidence verbatim, or rounded to as many digits as it has."""
        if self._verbatim(token):
            return True
        try:
            value = float(token.replace(",", ""))
        except ValueError:
            return False
        slack = min(_rounding(token), _CLOSE * abs(value) + _TINY)
        return any(
            math.isfinite(number) and abs(scaled - value) <= slack
            for number in self._numbers
            for scaled in (number, abs(number), number * 100.0 if abs(number) <= 1.0 else number)
        )

    def hold_words(self, said: str, value: float) -> bool:
        """Return whether a number in words stands in the evidence, verbatim or in digits."""
        return said.lower() in self._text.lower() or self.hold(f"{value:.15g}")

    def _verbatim(self, token: str) -> bool:
        """Whether it stands there by itself: 42 is not in 10:42:10, but 10:42 is."""
        beside, after = (r"\d:", r"\d") if ":" in token else (r"\d.:/-", r"\d|[.:/-]\d")
        return re.search(rf"(?<![{beside}]){re.escape(token)}(?!{after})", self._text) is not None


def unsupported(text: str, figures: Figures) -> tuple[str, ...]:
    """Return the numbers of the text that stand in no evidence, in order, those in digits before those in words."""
    plain = _LABEL.sub(" ", text)
    digits = (token for token in _TOKEN.findall(plain) if not figures.hold(token))
    words = (said for said, value in spelled(plain) if not figures.hold_words(said, value))
    return (*digits, *words)


def _rounding(token: str) -> float:
    """Half a unit of the last digit written."""
    _, _, decimals = token.replace(",", "").partition(".")
    return float(0.5 * 10.0 ** -len(decimals)) * (1 + 1e-9)


def _parts(one: Evidence) -> Iterable[str]:
    yield one.statement
    yield _SPAN.sub("", one.data)
    yield one.service
    yield one.indicator
    if one.onset is not None:
        yield _moment(one.onset)
    yield _moment(one.window_start)
    yield _moment(one.window_end)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} {at:%H:%M}"
