"""The typed catalogue of metrics: dashboards, alert rules and docs are tested against it.

Code records through a `Recorder`; infra.runtime binds it to prometheus-client, tests to a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

__all__ = ["CATALOGUE", "Metric", "MetricKind", "NullRecorder", "Recorder"]


class MetricKind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. Names follow the Prometheus conventions: base units, counters end in `_total`."""

    name: str
    kind: MetricKind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ROWS = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)

ALARM_DECISIONS = Metric(
    "tocsin_alarm_decisions_total",
    MetricKind.COUNTER,
    "Decisions taken on alarm events.",
    ("decision",),
)
INCIDENT_TRANSITIONS = Metric(
    "tocsin_incident_transitions_total",
    MetricKind.COUNTER,
    "Transitions of incidents.",
    ("transition",),
)
OPEN_INCIDENTS = Metric(
    "tocsin_open_incidents", MetricKind.GAUGE, "Incidents open in this worker's partitions."
)
TRIGGER_DECISIONS = Metric(
    "tocsin_trigger_decisions_total",
    MetricKind.COUNTER,
    "What the policies decided about incidents.",
    ("action",),
)
MESSAGES = Metric(
    "tocsin_messages_total",
    MetricKind.COUNTER,
    "Messages handled, by stage and outcome.",
    ("stage", "outcome"),
)
DEAD_LETTERS = Metric(
    "tocsin_dead_letters_total",
    MetricKind.COUNTER,
    "Messages sent to the dead letters.",
    ("stage", "reason"),
)
STAGE_SECONDS = Metric(
    "tocsin_stage_seconds",
    MetricKind.HISTOGRAM,
    "Time to handle one batch or job, in seconds.",
    ("stage",),
    _SECONDS,
)
BATCH_ROWS = Metric(
    "tocsin_batch_rows", MetricKind.HISTOGRAM, "Messages or rows in one batch.", ("stage",), _ROWS
)
CONSUMER_LAG = Metric(
    "tocsin_consumer_lag_messages",
    MetricKind.GAUGE,
    "Messages produced and not yet handled.",
    ("stage", "topic"),
)
DETECTED_ALARMS = Metric(
    "tocsin_detected_alarms_total",
    MetricKind.COUNTER,
    "Alarms raised by the online detectors.",
    ("detector",),
)
DETECTOR_SERIES = Metric(
    "tocsin_detector_series", MetricKind.GAUGE, "Series with state in the online detectors."
)
KPI_SAMPLES = Metric("tocsin_kpi_samples_total", MetricKind.COUNTER, "KPI samples seen by detection.")
ACTIVE_INVESTIGATIONS = Metric(
    "tocsin_active_investigations", MetricKind.GAUGE, "Investigations running in this worker."
)
INVESTIGATIONS = Metric(
    "tocsin_investigations_total",
    MetricKind.COUNTER,
    "Investigations ended, by verdict or failure.",
    ("verdict",),
)
INVESTIGATION_SECONDS = Metric(
    "tocsin_investigation_seconds",
    MetricKind.HISTOGRAM,
    "From request to report, in seconds.",
    (),
    _SECONDS,
)
STEP_SECONDS = Metric(
    "tocsin_investigation_step_seconds",
    MetricKind.HISTOGRAM,
    "Time of one step of an investigation, in seconds.",
    ("step",),
    _SECONDS,
)
LLM_ATTEMPTS = Metric(
    "tocsin_llm_attempts_total",
    MetricKind.COUNTER,
    "Attempts to call a model.",
    ("provider", "model", "outcome"),
)
LLM_TOKENS = Metric(
    "tocsin_llm_tokens_total",
    MetricKind.COUNTER,
    "Tokens by disjoint kinds.",
    ("provider", "model", "kind"),
)
LLM_COST = Metric(
    "tocsin_llm_cost_usd_total",
    MetricKind.COUNTER,
    "Cost of priced attempts, in US dollars.",
    ("provider", "model"),
)
LLM_UNPRICED = Metric(
    "tocsin_llm_unpriced_attempts_total",
    MetricKind.COUNTER,
    "Attempts whose model has no known price: they are not free, their cost is unknown.",
    ("provider", "model"),
)
LANDED_ROWS = Metric("tocsin_landed_rows_total", MetricKind.COUNTER, "Rows landed in ClickHouse.", ("table",))
QUERY_SECONDS = Metric(
    "tocsin_query_seconds",
    MetricKind.HISTOGRAM,
    "Time of one ClickHouse query, in seconds.",
    ("query",),
    _SECONDS,
)
API_REQUESTS = Metric(
    "tocsin_api_requests_total",
    MetricKind.COUNTER,
    "HTTP requests answered, by the route's template and the class of the status (2xx, 4xx, ...).",
    ("route", "method", "status"),
)
API_SECONDS = Metric(
    "tocsin_api_request_seconds",
    MetricKind.HISTOGRAM,
    "Time to answer an HTTP request, in seconds; for a stream, until it ended.",
    ("route", "method"),
    _SECONDS,
)
API_LIMITER_FAILURES = Metric(
    "tocsin_api_limiter_failures_total",
    MetricKind.COUNTER,
    "Requests let through uncounted because the rate limiter did not answer.",
)

CATALOGUE: tuple[Metric, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Metric)
)
"""Every metric of this module, in the order above."""


class Recorder(Protocol):
    """Where measurements go. Never blocks, never raises for a metric of the catalogue."""

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None: ...

    def gauge(self, metric: Metric, value: float, **labels: str) -> None: ...

    def observe(self, metric: Metric, value: float, **labels: str) -> None: ...


class NullRecorder:
    """Records nothing: for tools and tests that do not look."""

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        pass

    def gauge(self, metric: Metric, value: float, **labels: str) -> None:
        pass

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        pass
