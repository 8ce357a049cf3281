"""Evidence in one line, for tests of what is made of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.analysis.findings import CauseKind, FindingKind, Source
from agents.investigation.state import Claim
from schemas.events.evidence import Evidence

__all__ = ["AT", "claim", "evidence"]

AT = datetime(2026, 1, 1, 10, 42, 10, tzinfo=UTC)


def evidence(
    service: str,
    kind: FindingKind = FindingKind.LEVEL_SHIFT,
    step: Source = Source.KPIS,
    *,
    score: float | None = 3.0,
    onset_s: float | None = 0.0,
    indicator: str = "",
    statement: str = "",
    **data: Any,
) -> Evidence:
    return Evidence(
        tenant="acme",
        occurred_at=AT,
        investigation_id="inv_1",
        incident_id="inc_1",
        step=step.value,
        finding=f"{service}|{indicator}|{kind}",
        kind=kind.value,
        service=service,
        indicator=indicator,
        statement=statement or f"{service} {kind}",
        score=score,
        onset=None if onset_s is None else AT + timedelta(seconds=onset_s),
        window_start=AT - timedelta(minutes=30),
        window_end=AT + timedelta(minutes=1),
        query=f"SELECT '{service}'",
        data=json.dumps(data),
    )


def claim(service: str, *cited: Evidence | str, **changes: Any) -> Claim:
    ids = tuple(one if isinstance(one, str) else one.event_id for one in cited)
    base = Claim(
        service=service, kind=CauseKind.CPU, confidence=0.9, statement=f"{service} broke", evidence_ids=ids
    )
    return base.model_copy(update=changes)
