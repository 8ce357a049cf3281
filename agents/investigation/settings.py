"""How an investigation looks and when it stops: every number a person may want to change."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.events.base import Record

__all__ = ["InvestigationSettings"]

_Seconds = Annotated[float, Field(ge=0)]


class InvestigationSettings(Record):
    baseline_s: Annotated[float, Field(gt=0)] = 1800.0
    """How much normal life to compare with, before the incident window."""
    lead_s: _Seconds = 120.0
    """How long before the first alarm the incident window begins: alarms are late."""
    wait_limit_s: _Seconds = 60.0
    """How long to wait for data to land; then the investigation goes on with what is there."""
    wait_poll_s: Annotated[float, Field(gt=0)] = 0.5
    fetch_attempts: Annotated[int, Field(ge=1)] = 3
    """How often a query is tried before its source is called unreachable."""
    fetch_backoff_s: _Seconds = 0.2
    """The pause before the second try; it doubles with each."""
    max_widenings: Annotated[int, Field(ge=0)] = 1
    """How often an inconclusive investigation may look again, further back."""
    widening: Annotated[float, Field(gt=1)] = 4.0
    """Lead and baseline grow by this factor when the investigation looks again."""
    max_lead_s: _Seconds = 3600.0
    neighbourhood: Annotated[int, Field(ge=1)] = 2
    """Calls away from an alarmed service that still count as near it: where the budget is short no others are looked at,
    and of these earlier incidents are no normal life."""
    compared_services: Annotated[int, Field(ge=0)] = 12
    """Alarmed services, and after them those tied to them, that are compared with other days though they look calm today."""
    max_findings: Annotated[int, Field(ge=1)] = 500
    """Findings kept of one source, the strongest first."""
    query_rows: Annotated[int, Field(ge=1)] = 50_000
    """Log lines, changes or alarms that one query of a model may return."""
    query_samples: Annotated[int, Field(ge=1)] = 500_000
    """Samples that one query of a model may return, of all its series together."""
    query_s: Annotated[float, Field(gt=0)] = 15.0
    """How long the store may work on one query of a model; then it is ended there."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Below it nothing is called a cause."""
    reported_causes: Annotated[int, Field(ge=1)] = 3
    past_reports: Annotated[int, Field(ge=0)] = 50
    """How many past reports are compared with this incident."""
    nano_usd_per_million_rows: Annotated[int, Field(ge=0)] | None = 500_000
    """What a query costs by the rows it reads; None: unpriced, the report's cost is then unknown.

    The default is a usual on-demand scan price, 5 USD per TB, at 100 bytes a row. Put your own here.
    """
    price_version: str = "scan-5-usd-per-tb"
    """Names the price in each ledger entry: change it together with the price."""
    cost_query: str = (
        "SELECT kind, step, count() AS entries, sum(cost_nano_usd) / 1e9 AS usd\nFROM v_costs\n"
        "WHERE tenant = '{tenant}' AND investigation_id = '{investigation_id}'\n"
        "GROUP BY kind, step ORDER BY usd DESC"
    )
    """The SQL that shows a report's cost, with {tenant} and {investigation_id}."""
