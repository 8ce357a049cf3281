"""Figures, times and names as a report says them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from schemas.events.report import Report, Verdict

__all__ = [
    "KIND_WORDS",
    "VERDICTS",
    "bare_headline",
    "clock",
    "day",
    "figure",
    "kind_words",
    "many",
    "middle_cut",
    "percent",
    "sentence",
    "span",
    "usd",
    "without",
]

VERDICTS: Final[Mapping[Verdict, str]] = {
    Verdict.CAUSE_FOUND: "Cause found",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.BENIGN: "Benign",
    Verdict.DATA_UNAVAILABLE: "Data unavailable",
}

KIND_WORDS: Final[Mapping[str, str]] = {
    "cpu": "out of CPU",
    "memory": "memory trouble",
    "disk": "disk trouble",
    "network": "network trouble",
    "latency": "slow by itself",
    "errors": "failing by itself",
    "saturation": "a pool or queue is exhausted",
    "deploy": "broken by a deploy",
    "config": "broken by a configuration or flag change",
    "traffic": "unusual traffic",
    "unknown": "abnormal, of no known kind",
}

_NANO: Final = 1_000_000_000


def kind_words(kind: str) -> str:
    """Return a kind of cause in words; as it is where we have none."""
    return KIND_WORDS.get(kind, kind)


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def bare_headline(report: Report) -> str:
    """Return the headline without how sure it is, which stands beside it on every page."""
    if report.confidence is None:
        return report.headline
    return report.headline.removesuffix(f"({percent(report.confidence)} sure)").rstrip()


def without(service: str, text: str) -> str:
    """Return a sentence without the service it begins with, where that stands beside it anyway."""
    return text.removeprefix(f"{service}: ").removeprefix(f"{service} ") if service else text


def figure(value: float) -> str:
    """Three significant digits, without an exponent between a ten-thousandth and a billion."""
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{float(f'{value:.3g}'):f}".rstrip("0").rstrip(".")


def clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def sentence(text: str) -> str:
    """Return it with an end, as a sentence has one."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def span(length: timedelta) -> str:
    """Return a length of time: `45 s`, `3 min`, `2.5 h`, `3.0 days`."""
    size = abs(length.total_seconds())
    if size < 90:
        return f"{size:.0f} s"
    if size < 5400:
        return f"{size / 60:.0f} min"
    return f"{size / 3600:.1f} h" if size < 172_800 else f"{size / 86_400:.1f} days"


def usd(nano: int) -> str:
    if 0 < nano < 1_000:
        return "<$0.000001"
    return f"${nano / _NANO:.6f}" if nano < _NANO // 100 else f"${nano / _NANO:,.2f}"


def many(count: int, thing: str) -> str:
    """Return `1 alarm`, `3 alarms`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def middle_cut(text: str, length: int) -> str:
    """Return the text, or its beginning and end: what tells names apart is at either."""
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[len(text) - tail :]}"
