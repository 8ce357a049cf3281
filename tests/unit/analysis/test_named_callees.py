"""Calls learned from error lines that name a service."""

from __future__ import annotations

import pytest

from agents.analysis.comovement import learned_calls
from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.logs import template_of
from agents.analysis.named_callees import named_callees
from tests.fakes.clues import measured


def line(
    service: str,
    template: str,
    kind: FindingKind = FindingKind.ERROR_BURST,
    *,
    direction: int = 1,
    error: bool = True,
) -> Finding:
    return Finding(
        source=Source.LOGS,
        kind=kind,
        service=service,
        subject=f"{service}|{template[:80]}|{kind}",
        statement=f"{service} logs {template}",
        score=2.0,
        direction=direction,
        data={"template": template, "error": error},
    )


def seen(*services: str) -> list[Finding]:
    return [measured(service, "latency", 3.0) for service in services]


def test_who_complains_of_another_by_name_calls_it() -> None:
    complaint = line("checkout", "could not obtain a connection to orders-db within * ms, * waiting")
    (told,) = named_callees([complaint, *seen("checkout", "orders-db")])

    assert learned_calls([told]) == {("checkout", "orders-db"): 0.9}
    assert (told.source, told.kind, told.service) == (Source.TOPOLOGY, FindingKind.LEARNED_CALL, "orders-db")
    assert told.statement == (
        'checkout seems to call orders-db: its error line "could not obtain a connection to orders-db within * ms, '
        '* waiting" names it; learned, 90 % certain'
    )


@pytest.mark.parametrize(
    "text",
    [
        "call to user failed for request *: deadline exceeded after * ms",
        "calling user: connection refused",
        "upstream user timed out",
        "cannot connect to user",
        'error connecting with "user"',
        "GET host=user status *",
    ],
)
def test_a_name_that_is_a_word_counts_after_words_of_calling(text: str) -> None:
    assert [told.service for told in named_callees([line("web", text), *seen("web", "user")])] == ["user"]


@pytest.mark.parametrize(
    "text",
    [
        "user not found",
        "cancelled by user",
        "request from user * failed",
        "the user called us names",
        "call to user-db failed",
        "call to superuser failed",
        "call to user_profile failed",
        "call to billing failed",
    ],
)
def test_a_word_in_a_sentence_is_no_name(text: str) -> None:
    assert named_callees([line("web", text), *seen("web", "user")]) == ()


def test_nobody_calls_itself_or_one_that_nothing_is_known_of() -> None:
    assert named_callees([line("orders-db", "orders-db: no answer of cache-7"), *seen("orders-db")]) == ()


@pytest.mark.parametrize(
    "calm",
    [
        line("web", "connected to orders-db", FindingKind.NEW_LOG_TEMPLATE, error=False),
        line("web", "call to orders-db failed", FindingKind.LOG_RATE_CHANGE),
        line("web", "call to orders-db failed", direction=-1),
        measured("web", "errors", 3.0, template="call to orders-db failed", error=True),
    ],
)
def test_only_errors_that_are_new_or_more_tell(calm: Finding) -> None:
    assert named_callees([calm, *seen("web", "orders-db")]) == ()


def test_each_pair_is_told_once_whatever_the_order() -> None:
    lines = [
        line("web", "call to orders-db failed"),
        line("web", "no connection to orders-db"),
        line("api", "call to orders-db failed, then call to auth.v2 failed"),
        *seen("orders-db", "auth.v2"),
    ]
    told = named_callees(lines)

    assert [(one.data["caller"], one.service) for one in told] == [
        ("api", "auth.v2"),
        ("api", "orders-db"),
        ("web", "orders-db"),
    ]
    assert named_callees(lines[::-1]) == told


@pytest.mark.parametrize(
    "name",
    ["orders-17", "postgres-0", "shop/orders", "orders.prod", "заказы-db", "orders_db", "s3"],
)
def test_a_name_is_known_whatever_it_is_made_of(name: str) -> None:
    template = template_of(f"could not connect to {name} within 30 ms")
    (told,) = named_callees([line("checkout", template), *seen("checkout", name)])
    assert learned_calls([told]) == {("checkout", name): 0.9}


def test_a_name_within_a_longer_one_is_another() -> None:
    complaint = line("checkout", "could not connect to orders-db within * ms")
    assert named_callees([complaint, *seen("checkout", "orders", "db", "orders-d")]) == ()


def test_names_that_differ_in_a_number_are_not_told_apart_by_a_template() -> None:
    complaint = line("checkout", template_of("could not connect to orders-17"))
    assert named_callees([complaint, *seen("checkout", "orders-17", "orders-18")]) == ()
