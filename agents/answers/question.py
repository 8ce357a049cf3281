"""What a question asks for, in words that operators use: topics, and the services, measurements and times it names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.analysis.findings import CauseKind, Source
from agents.answers.material import Material
from agents.answers.vocabulary import KINDS, PEOPLE, ROLES, SILENT, SOURCES, TOPICS, Topic

__all__ = ["Asked", "Span", "Topic", "understood"]

_WORD = re.compile(r"\w[\w./:'-]*")
_PARTS = re.compile(r"[^A-Za-z0-9]+")
_CLOCK = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\b")
_AROUND = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From and to, both in; None is open."""

    start: datetime | None
    end: datetime | None

    def holds(self, at: datetime | None) -> bool:
        return (
            at is not None
            and (self.start is None or self.start <= at)
            and (self.end is None or at <= self.end)
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as code understands it."""

    text: str
    topics: frozenset[Topic]
    services: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    kinds: tuple[CauseKind, ...] = ()
    sources: tuple[Source, ...] = ()
    span: Span | None = None
    rest: tuple[str, ...] = ()
    """Words that are neither understood nor without meaning."""


def understood(text: str, material: Material) -> Asked:
    """Return what is asked. Names are those that the material holds; general words for what a service does count as names."""
    plain = text.lower().replace("\u2019", "'")
    low = [word.strip(".:/'-").removesuffix("'s") for word in _WORD.findall(plain)]
    services, of_services = _named(low, material.services)
    indicators, of_indicators = _spelt(low, material.indicators)
    kinds = tuple(kind for kind, said in KINDS.items() if said & set(low))
    sources = tuple(source for source, said in SOURCES.items() if said & set(low))
    topics = frozenset(topic for topic, pattern in TOPICS.items() if pattern.search(plain))
    span = _span(plain, material)
    meant = of_services | of_indicators | _meant(plain, low, kinds, sources)
    rest = tuple(
        dict.fromkeys(word for word in low if word and word not in meant and not _CLOCK.fullmatch(word))
    )
    return Asked(text, topics, services, indicators, kinds, sources, span, rest)


def _named(words: Collection[str], names: Collection[str]) -> tuple[tuple[str, ...], set[str]]:
    """Services that the words name: in full, by a part of the name that few share, or by what the part stands for."""
    full = [name for name in names if name.lower() in words]
    if full:
        return tuple(full), {word for name in full for word in (name.lower(), *_parts(name))}
    shared = Counter(part for name in names for part in set(_parts(name)))
    telling = {part for part, many in shared.items() if many == 1 or many * 2 <= len(names)}
    found: dict[str, None] = {}
    used: set[str] = set()
    for word in words:
        one = word if word in PEOPLE else word.removesuffix("s")
        alike = (ROLES.get(word, frozenset()) | {word, one}) - SILENT
        hit = [name for name in names if any(_is(part, alike) for part in _parts(name) if part in telling)]
        found.update(dict.fromkeys(hit))
        used |= {word} if hit else set()
    return tuple(sorted(found)), used


def _is(part: str, words: frozenset[str]) -> bool:
    """Whether a part of a name is one of the words, or ends in one that is long enough to stand by itself: `cartdb`."""
    return part in words or any(
        len(word) >= 2 and part != word and part.endswith(word) for word in words & _TAILS
    )


_TAILS = frozenset({"db", "sql", "mq", "redis", "cache", "queue", "database"})


def _spelt(words: Collection[str], names: Collection[str]) -> tuple[tuple[str, ...], set[str]]:
    """Measurements that the words spell, as one word or as the words that it is made of."""
    found = [name for name in names if name.lower() in words or _whole(name, words)]
    return tuple(found), {word for name in found for word in (name.lower(), *_parts(name))}


def _whole(name: str, words: Collection[str]) -> bool:
    parts = _parts(name)
    return len(parts) > 1 and set(parts) <= set(words)


def _parts(name: str) -> tuple[str, ...]:
    return tuple(part for part in _PARTS.split(name.lower()) if part)


def _meant(
    text: str, words: Collection[str], kinds: Collection[CauseKind], sources: Collection[Source]
) -> set[str]:
    """Words that are understood, or say nothing."""
    by_kind = {word for kind in kinds for word in KINDS[kind]}
    by_source = {word for source in sources for word in SOURCES[source]}
    by_phrase = {word for one in TOPICS.values() for found in one.finditer(text) for word in found[0].split()}
    by_topic = {word for word in words if any(pattern.search(word) for pattern in TOPICS.values())}
    return by_kind | by_source | by_phrase | by_topic | SILENT


def _span(text: str, material: Material) -> Span | None:
    """The times that are named, on the day that is nearest: a minute around one, from the first to the last of several."""
    times = [_on_the_day(int(h), int(m), int(s or 0), material.around) for h, m, s in _CLOCK.findall(text)]
    if not times:
        return None
    if len(times) > 1:
        return Span(min(times), max(times))
    if re.search(r"\b(before|until)\b", text):
        return Span(None, times[0])
    if re.search(r"\b(after|since|from)\b", text):
        return Span(times[0], None)
    return Span(times[0] - _AROUND, times[0] + _AROUND)


def _on_the_day(hour: int, minute: int, second: int, near: datetime) -> datetime:
    at = near.replace(hour=hour, minute=minute, second=second, microsecond=0)
    return min((at + timedelta(days=shift) for shift in (-1, 0, 1)), key=lambda one: abs(one - near))
