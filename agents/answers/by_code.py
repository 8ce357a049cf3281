"""A question answered without a model: what it names is looked up, and what is found is told with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from agents.answers.about.course import about_changes, about_course, about_onsets
from agents.answers.about.kind import about_indicator, about_kind, about_source
from agents.answers.about.money import about_cost
from agents.answers.about.outcome import (
    about_cause,
    about_certainty,
    about_cleared,
    about_missing,
    about_next,
    about_past,
    about_reasons,
    about_spread,
)
from agents.answers.about.service import about_service
from agents.answers.looking import next_queries
from agents.answers.material import Material
from agents.answers.question import Asked, Topic, understood
from agents.answers.reply import DO_NOT_KNOW, Reply, Sentence

__all__ = ["answer_by_code"]

_MOST = 14

_WHOLE: Mapping[Topic, Callable[[Material], list[Sentence]]] = {
    Topic.CAUSE: about_cause,
    Topic.WHY: about_reasons,
    Topic.SURE: about_certainty,
    Topic.CLEARED: about_cleared,
    Topic.SPREAD: about_spread,
    Topic.NEXT: about_next,
    Topic.MISSING: about_missing,
    Topic.PAST: about_past,
    Topic.COST: about_cost,
}
"""Topics that need no name."""

_LEADING = (
    Topic.COST,
    Topic.NEXT,
    Topic.MISSING,
    Topic.SURE,
    Topic.PAST,
    Topic.CLEARED,
    Topic.SPREAD,
    Topic.WHY,
    Topic.CAUSE,
)
"""In which order topics are told; the general ones come last, and only where no other is asked for."""
_GENERAL = frozenset({Topic.WHY, Topic.CAUSE, Topic.SUSPECT})


def answer_by_code(question: str, material: Material) -> Reply:
    """Return the answer. The same question about the same material has the same one. Takes milliseconds; does not raise."""
    asked = understood(question, material)
    sentences = _distinct(_told(asked, material))[:_MOST]
    unknown = _unknown(asked, sentences)
    return Reply(
        investigation_id=material.report.investigation_id,
        question=question,
        sentences=sentences,
        unknown=unknown,
        next_steps=next_queries(asked, material) if unknown else (),
    )


def _told(asked: Asked, material: Material) -> list[Sentence]:
    if asked.services or asked.indicators or asked.kinds or asked.sources or asked.span:
        return _about_names(asked, material)
    if asked.rest and asked.topics <= _GENERAL:
        return []  # it is about something that nobody here has a name for
    return _about_topics(asked, material)


def _about_names(asked: Asked, material: Material) -> list[Sentence]:
    """What is said of all that is named; a topic beside it says what of it."""
    services, told = asked.services, list[Sentence]()
    if Topic.CHANGES in asked.topics:
        return [*about_changes(services, asked.span, material), *_leading(asked, material)]
    if Topic.COURSE in asked.topics and (onsets := about_onsets(asked, material)):
        return [*onsets, *_leading(asked, material)]
    if Topic.COURSE in asked.topics or asked.span:
        told += about_course(services, asked.span, material)
    for indicator in asked.indicators:
        told += about_indicator(indicator, services, material)
    if not asked.indicators:
        for kind in asked.kinds:
            told += about_kind(kind, services, material)
    for source in asked.sources:
        told += about_source(source, services, material)
    if not told or Topic.SUSPECT in asked.topics:
        for service in services:
            told += about_service(service, material)
    return [*told, *_leading(asked, material)]


def _leading(asked: Asked, material: Material) -> list[Sentence]:
    """What is asked for by a topic of its own beside what is named."""
    return [
        s
        for topic in _LEADING
        if topic in asked.topics - _GENERAL - {Topic.SPREAD}
        for s in _WHOLE[topic](material)
    ]


def _about_topics(asked: Asked, material: Material) -> list[Sentence]:
    told = list[Sentence]()
    if Topic.CHANGES in asked.topics:
        told += about_changes((), None, material)
    if Topic.COURSE in asked.topics:
        told += about_course((), None, material)
    special = [topic for topic in _LEADING if topic in asked.topics - _GENERAL]
    general = [topic for topic in _LEADING if topic in asked.topics & _GENERAL]
    for topic in special or (() if told else general):
        told += _WHOLE[topic](material)
    return told


def _distinct(sentences: Iterable[Sentence]) -> tuple[Sentence, ...]:
    return tuple({one.text: one for one in sentences}.values())


def _unknown(asked: Asked, sentences: tuple[Sentence, ...]) -> str:
    """What of the question is not covered: all of it, or what it names and nothing here does."""
    missed = () if sentences else tuple(one.value for one in (*asked.kinds, *asked.sources))
    names = ", ".join(f'"{word}"' for word in (*asked.rest[:8], *missed))
    if sentences and not names:
        return ""
    about = f": nothing in it speaks of {names}" if names else ""
    return f"{DO_NOT_KNOW}{about}."
