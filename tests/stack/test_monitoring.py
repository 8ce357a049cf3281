"""Programs that never heard of us, unmodified from Debian: Prometheus scrapes and writes, Alertmanager notifies.

A Prometheus scrapes every role and one service of the test's own, writes what it has into Tocsin, and has a rule about
that service; an Alertmanager tells Tocsin when the rule fires and when it no longer does.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from prometheus_client.parser import text_string_to_metric_families

from schemas.events import AlarmRaw, AlarmStatus, KpiBatch, Severity
from tests.e2e.stack import RunningStack, until
from tests.fakes.debian import debian_program
from tests.fakes.monitoring import start_alertmanager, start_prometheus
from tests.stack.outside import OutsideStack, Sender, events_of

pytestmark = [pytest.mark.stack, pytest.mark.e2e]

SERVERS = {"broker", "redis", "clickhouse"}


@dataclass(frozen=True, slots=True)
class Shop:
    """A service that Prometheus scrapes."""

    port: int
    errors: Gauge
    orders: Counter


@dataclass(frozen=True, slots=True)
class Monitoring:
    prometheus: str
    alertmanager: str

    def ask(self, query: str) -> dict[str, float]:
        """Return the value of each series by its role, or by its service."""
        answer = httpx.get(f"http://{self.prometheus}/api/v1/query", params={"query": query}).json()
        rows = answer["data"]["result"]
        return {
            row["metric"].get("role") or row["metric"].get("service", ""): float(row["value"][1])
            for row in rows
        }

    def scraped_ms(self, series: str) -> set[int]:
        """Return when each sample of the series was taken, as Prometheus keeps it: Unix time in milliseconds."""
        answer = httpx.get(
            f"http://{self.prometheus}/api/v1/query", params={"query": f"{series}[10m]"}
        ).json()
        return {round(at * 1000) for row in answer["data"]["result"] for at, _ in row["values"]}

    def own(self, name: str) -> float:
        """Return the sum of a metric of Prometheus's own."""
        page = httpx.get(f"http://{self.prometheus}/metrics").text
        samples = [one for family in text_string_to_metric_families(page) for one in family.samples]
        found = [one.value for one in samples if one.name == name]
        assert found, f"{name} is not there"
        return sum(found)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    registry = CollectorRegistry()
    errors = Gauge("shop_errors_ratio", "Share of requests that fail.", registry=registry)
    orders = Counter("shop_orders", "Orders taken.", registry=registry)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield Shop(server.server_port, errors, orders)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="module")
def monitoring(outside: OutsideStack, sender: Sender, shop: Shop) -> Iterator[Monitoring]:
    authorization = {"type": "Bearer", "credentials": sender.key}
    webhook = {
        "url": f"{sender.url}/v1/intake/alertmanager",
        "send_resolved": True,
        "http_config": {"authorization": authorization},
    }
    route = {"receiver": "tocsin", "group_by": ["..."], "group_wait": "1s", "group_interval": "1s"}
    receivers = [{"name": "tocsin", "webhook_configs": [webhook]}]
    with start_alertmanager({"route": route, "receivers": receivers}) as alertmanager:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [_roles(outside.running), _target("shop", shop.port, service="cart")],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
            "remote_write": [
                {
                    "url": f"{sender.url}/v1/intake/prometheus/write",
                    "authorization": authorization,
                    "queue_config": {"batch_send_deadline": "1s"},
                }
            ],
        }
        with start_prometheus(config, {"groups": [{"name": "shop", "rules": [RULE]}]}) as prometheus:
            yield Monitoring(prometheus, alertmanager)


RULE = {
    "alert": "CartFailsTooOften",
    "expr": "shop_errors_ratio > 0.5",
    "labels": {"severity": "critical"},
    "annotations": {"summary": "Too many requests to the cart fail"},
}


def _role_ports(stack: RunningStack) -> dict[str, int]:
    """The port of each role's /metrics: its last."""
    return {one.name: one.ports[-1] for one in stack.state().processes if one.name not in SERVERS}


def _roles(stack: RunningStack) -> dict[str, Any]:
    targets = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"role": role}}
        for role, port in _role_ports(stack).items()
    ]
    return {"job_name": "tocsin", "static_configs": targets}


def _target(job: str, port: int, **labels: str) -> dict[str, Any]:
    return {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": labels}]}


def test_every_role_is_scraped(stack: RunningStack, monitoring: Monitoring) -> None:
    roles = _role_ports(stack)
    assert set(roles) == {"stream", "detect", "investigate", "land", "api"}
    up: dict[str, float] = until(
        lambda: found if set(found := monitoring.ask('up{job="tocsin"}')) == set(roles) else None,
        "a scrape of every role",
    )
    assert up == dict.fromkeys(roles, 1.0)


@pytest.mark.parametrize("role", ["stream", "detect", "investigate", "land", "api"])
def test_promtool_finds_nothing_wrong_with_the_metrics(stack: RunningStack, role: str) -> None:
    page = httpx.get(f"http://127.0.0.1:{_role_ports(stack)[role]}/metrics")
    promtool = debian_program("promtool", "prometheus")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=page.text,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert "tocsin_" in page.text
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_prometheus_writes_is_in_our_topic(
    stack: RunningStack, sender: Sender, monitoring: Monitoring, shop: Shop
) -> None:
    shop.errors.set(0.25)
    shop.orders.inc(100)

    def written() -> dict[str, list[float]]:
        batches = [one for one in events_of(stack, KpiBatch, sender.tenant) if one.service == "cart"]
        values: dict[str, list[float]] = {}
        for series in (one for batch in batches for one in batch.series):
            values.setdefault(series.metric, []).extend(series.values)
        return values if 0.25 in values.get("shop_errors_ratio", []) and "shop_orders_total" in values else {}

    values: dict[str, list[float]] = until(written, "samples of the cart")
    assert set(values["up"]) == {1.0}
    assert {0.25} <= set(values["shop_errors_ratio"]) <= {0.0, 0.25}
    assert all(rate >= 0 for rate in values["shop_orders_total"])
    batches = events_of(stack, KpiBatch, sender.tenant)
    assert {one.source for one in batches} == {"prometheus"}
    assert {"land", "stream"} <= {series.labels.get("role") for one in batches for series in one.series}


def test_what_prometheus_scrapes_while_the_api_is_killed_comes_when_it_is_back(
    stack: RunningStack, sender: Sender, monitoring: Monitoring
) -> None:
    stack.kill("api")
    back = time.time()

    def written() -> set[int] | None:
        batches = [one for one in events_of(stack, KpiBatch, sender.tenant) if one.service == "cart"]
        times = {
            at
            for batch in batches
            for series in batch.series
            if series.metric == "up"
            for at in series.times_ms
        }
        return times if max(times) > (back + 3) * 1000 else None

    written_ms: set[int] = until(written, "samples after the kill", 90)
    scraped_ms = {at for at in monitoring.scraped_ms('up{service="cart"}') if at <= max(written_ms)}
    assert min(scraped_ms) < back * 1000 < max(scraped_ms)
    assert scraped_ms <= written_ms
    assert monitoring.own("prometheus_remote_storage_samples_failed_total") == 0
    assert monitoring.own("prometheus_remote_storage_samples_dropped_total") == 0


def test_a_notification_becomes_an_incident_with_a_verdict_and_its_end_clears_it(
    stack: RunningStack, sender: Sender, monitoring: Monitoring, shop: Shop
) -> None:
    shop.errors.set(0.9)

    def reported() -> dict[str, Any] | None:
        incidents = stack.tocsin("incidents", "--tenant", sender.tenant)
        named = [one for one in incidents if any(alarm["name"] == RULE["alert"] for alarm in one["alarms"])]
        return named[0] if named and named[0]["report"] else None

    incident = until(reported, "a report on the alarm", 90)
    assert incident["report"]["verdict"] in {"cause_found", "inconclusive", "benign", "data_unavailable"}
    (alarm,) = [one for one in incident["alarms"] if one["name"] == RULE["alert"]]
    assert (alarm["service"], alarm["severity"]) == ("cart", "critical")
    shop.errors.set(0.0)

    def ended() -> AlarmRaw | None:
        alarms = [one for one in events_of(stack, AlarmRaw, sender.tenant) if one.name == RULE["alert"]]
        assert {one.fingerprint for one in alarms} == {alarm["fingerprint"]}
        assert {one.source for one in alarms} == {"alertmanager"}
        return next((one for one in alarms if one.status is AlarmStatus.CLEARED), None)

    cleared: AlarmRaw = until(ended, "its end", 90)
    assert cleared.severity in {Severity.CRITICAL, Severity.CLEARED}

    def is_clear() -> bool:
        incidents = stack.tocsin("incidents", "--tenant", sender.tenant)
        (found,) = [one for one in incidents if one["incident_id"] == incident["incident_id"]]
        return found["transition"] in {"cleared", "closed"}

    until(is_clear, "the cleared incident", 60)


def test_none_of_it_was_refused_lost_or_doubled(stack: RunningStack, sender: Sender) -> None:
    assert stack.tocsin("dlq", "list", "--tenant", sender.tenant) == []
    (proof,) = stack.tocsin("verify", "--settle", "90")
    assert proof["holds"], [one for one in proof["checks"] if one["wrong"]]
