from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.intake.labels import entity_of, host_of, service_of, severity_of
from api.intake.moments import checked_ms, instant, of_ns
from api.intake.refusal import ItemError, ItemReason
from api.intake.units import rate_of, unit_of_name, unit_of_word
from schemas.events import Severity
from tests.unit.api.intake.sent import NOW, NOW_MS


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"job": "scrape", "app": "cart", "service": "checkout"}, "checkout"),
        ({"job": "scrape", "app": "cart", "service": ""}, "cart"),
        ({"job": "scrape", "container": "cart"}, "cart"),
        ({"app_kubernetes_io_name": "cart", "deployment": "cart-v2"}, "cart"),
        ({"job": "node"}, "node"),
        ({"service": "s" * 300}, "s" * 256),
        ({"team": "blue"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_the_service_is_the_first_label_that_names_one(labels: dict[str, str], service: str) -> None:
    assert service_of(labels) == service


def test_instance_and_host() -> None:
    labels = {"pod": "cart-0", "instance": "10.0.0.1:80", "node": "worker-1"}
    assert (entity_of(labels), host_of(labels)) == ("cart-0", "worker-1")
    assert (entity_of({"instance": "10.0.0.1:80"}), host_of({})) == ("10.0.0.1:80", "")


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("PAGE", Severity.CRITICAL),
        (" P1 ", Severity.CRITICAL),
        ("error", Severity.MAJOR),
        ("high", Severity.MAJOR),
        ("average", Severity.MINOR),
        ("warning", Severity.WARNING),
        ("none", Severity.WARNING),
        ("purple", Severity.MAJOR),
        ("", Severity.MAJOR),
    ],
)
def test_what_systems_call_severities_is_folded_into_those_of_x733(text: str, severity: Severity) -> None:
    assert severity_of({"severity": text}) is severity
    assert severity_of({"level": text}) is severity


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (None, NOW),
        (NOW_MS / 1000, NOW),
        (NOW_MS // 1000, NOW),
        (str(NOW_MS // 1000), NOW),
        ("2026-03-01T12:00:00", NOW),
        ("2026-03-01T14:00:00+02:00", NOW),
        ("2026-03-01T12:00:00.1234567Z", NOW.replace(microsecond=123456)),
    ],
)
def test_times(value: object, at: datetime) -> None:
    assert instant(value, NOW) == at


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (NOW_MS, ItemReason.TIME_OUT_OF_RANGE),
        (-1, ItemReason.TIME_OUT_OF_RANGE),
        ("nan", ItemReason.TIME_OUT_OF_RANGE),
        ("inf", ItemReason.TIME_OUT_OF_RANGE),
        ("9999-12-31T23:59:59-05:00", ItemReason.TIME_OUT_OF_RANGE),
        ("2026-02-30T00:00:00Z", ItemReason.INVALID_VALUE),
        ("", ItemReason.INVALID_VALUE),
        (True, ItemReason.INVALID_VALUE),
        ([1], ItemReason.INVALID_VALUE),
    ],
)
def test_no_times(value: object, reason: ItemReason) -> None:
    with pytest.raises(ItemError) as refused:
        instant(value, NOW)
    assert refused.value.reason is reason
    assert refused.value.pointer == "/time"


def test_nanoseconds_are_exact_to_the_microsecond() -> None:
    assert of_ns(1_772_366_395_123_456_789) == datetime(2026, 3, 1, 11, 59, 55, 123456, UTC)
    for wrong in (-1, 2**63, 2**64 - 1):
        with pytest.raises(ItemError):
            of_ns(wrong)
    with pytest.raises(ItemError):
        checked_ms(-1)


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("http_request_duration_seconds", "s"),
        ("http_request_duration_seconds_sum", "s"),
        ("http_request_duration_seconds_count", "1"),
        ("http_request_duration_seconds_bucket", "1"),
        ("http_requests_total", "1"),
        ("node_network_receive_bytes_total", "By"),
        ("process_resident_memory_bytes", "By"),
        ("cpu_usage_ratio", "1"),
        ("up", ""),
    ],
)
def test_units_that_names_say(metric: str, unit: str) -> None:
    assert unit_of_name(metric) == unit


def test_units_that_are_told() -> None:
    assert (unit_of_word("seconds"), unit_of_word("{request}")) == ("s", "{request}")
    assert (rate_of(""), rate_of("1"), rate_of("By")) == ("1/s", "1/s", "By/s")
    assert len(rate_of("x" * 64)) <= 64
