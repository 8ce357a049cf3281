"""What code makes of a question: names, kinds, times, topics, and what it does not understand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.analysis.findings import CauseKind, Source
from agents.answers.question import Span, Topic, understood
from tests.fakes.answer_material import material
from tests.fakes.evidence import AT, evidence


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ("why not checkout?", ("checkout",)),
        ("Why not CHECKOUT's latency", ("checkout",)),
        ("was it the database?", ("orders-db",)),
        ("is postgres to blame", ("orders-db",)),
        ("what about orders", ("orders-db",)),
        ("did the frontend break first?", ("web-frontend",)),
        ("why not the website\u2019s gateway?", ("web-frontend",)),
        ("cart or checkout?", ("cart", "checkout")),
        ("what about orders-db?", ("orders-db",)),
        ("what changed?", ()),
        ("is it kafka?", ()),
        ("was it the service?", ()),
        ("how many users were affected?", ()),
        ("did the checkouts fail?", ("checkout",)),
    ],
)
def test_services_are_named_in_full_in_part_or_by_what_they_do(text: str, services: tuple[str, ...]) -> None:
    assert understood(text, material()).services == services


def test_a_part_that_most_names_share_names_nobody() -> None:
    names = [one.model_copy(update={"service": f"shop-{n}"}) for n, one in enumerate(material().evidence)]
    assert understood("why not shop?", material(evidence=tuple(names))).services == ()


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("was it the network?", (CauseKind.NETWORK,)),
        ("did it run out of memory", (CauseKind.MEMORY,)),
        ("too much traffic?", (CauseKind.TRAFFIC,)),
        ("errors or slow responses?", (CauseKind.ERRORS,)),
        ("why", ()),
    ],
)
def test_kinds_of_trouble_are_named_in_general_words(text: str, kinds: tuple[CauseKind, ...]) -> None:
    assert set(kinds) <= set(understood(text, material()).kinds)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("what changed?", Topic.CHANGES),
        ("was there a deploy", Topic.CHANGES),
        ("what did it cost?", Topic.COST),
        ("what next?", Topic.NEXT),
        ("how do I fix this", Topic.NEXT),
        ("how sure are you?", Topic.SURE),
        ("when did it start", Topic.COURSE),
        ("what else could it be", Topic.CLEARED),
        ("has this happened before?", Topic.PAST),
        ("which services were affected?", Topic.SPREAD),
        ("what is missing", Topic.MISSING),
        ("what broke?", Topic.CAUSE),
        ("why?", Topic.WHY),
        ("why not the moon", Topic.SUSPECT),
        ("is cart involved?", Topic.SUSPECT),
        ("what broke first?", Topic.COURSE),
    ],
)
def test_topics(text: str, topic: Topic) -> None:
    assert topic in understood(text, material()).topics


def test_what_happened_before_a_time_is_no_question_about_the_past() -> None:
    assert Topic.PAST not in understood("what happened before 10:42?", material()).topics


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("what happened at 10:42:10?", -60, 60),
        ("between 10:42:00 and 10:43", -10, 50),
        ("before 10:42:00", None, -10),
        ("since 10:42:00", -10, None),
    ],
)
def test_times_are_of_the_day_of_the_incident(text: str, start: float | None, end: float | None) -> None:
    def at(seconds: float | None) -> object:
        return None if seconds is None else AT + timedelta(seconds=seconds)

    span = understood(text, material()).span
    assert span is not None
    assert (span.start, span.end) == (at(start), at(end))


def test_a_time_after_midnight_is_of_the_next_day() -> None:
    late = tuple(
        one.model_copy(update={"onset": AT.replace(hour=23, minute=58)}) for one in material().evidence
    )
    span = understood("what happened at 00:03?", material(evidence=late)).span
    assert span is not None
    assert span.start is not None
    assert span.start.date() == (AT + timedelta(days=1)).date()


def test_a_span_holds_its_ends_and_nothing_without_a_time() -> None:
    span = Span(AT, AT)
    assert span.holds(AT)
    assert not span.holds(AT + timedelta(microseconds=1))
    assert not span.holds(None)
    assert Span(None, None).holds(AT)


@pytest.mark.parametrize("text", ["what should I do first?", "what do I check first?"])
def test_what_to_do_first_is_no_question_about_the_past(text: str) -> None:
    assert understood(text, material()).topics == {Topic.NEXT}


def test_who_is_hurt_is_no_service_even_where_one_is_called_so() -> None:
    known = material(evidence=(evidence("user"), evidence("user-db")))
    asked = understood("how many users were affected?", known)
    assert asked.services == ()
    assert asked.rest == ("users",)
    assert understood("was it user?", known).services == ("user",)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("what is the weather in Paris?", ("weather", "paris")),
        ("should I roll back the deploy?", ()),
        ("why not the database?", ()),
        ("why not the mainframe?", ("mainframe",)),
        ("what did the logs of cart say at 10:42?", ()),
        ("", ()),
        ("???", ()),
        ("\u0000\u202e", ()),
    ],
)
def test_what_is_not_understood_is_kept(text: str, rest: tuple[str, ...]) -> None:
    assert understood(text, material()).rest == rest


def test_measurements_and_sources_are_named() -> None:
    asked = understood("did cpu_usage or the latency p95 rise in the metrics and logs?", material())
    assert asked.indicators == ("cpu_usage", "latency_p95")
    assert asked.sources == (Source.KPIS, Source.LOGS)
