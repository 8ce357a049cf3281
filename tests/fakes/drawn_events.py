"""Any valid event, drawn by hypothesis."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from schemas.events import (
    AlarmChanged,
    AlarmRaw,
    AlarmStatus,
    Audit,
    ChangeKind,
    ChangeRaw,
    CostEntry,
    CostKind,
    DeadLetter,
    Decision,
    Event,
    Evidence,
    Feedback,
    Header,
    Incident,
    IncidentAlarm,
    IncidentTransition,
    InvestigationRequested,
    InvestigationState,
    InvestigationStatus,
    KpiBatch,
    KpiSamples,
    LogBatch,
    LogLine,
    LogSeverity,
    NextStep,
    Report,
    ReportedCause,
    ReportFigure,
    RequestKind,
    RuledOut,
    ServiceLink,
    Severity,
    Spending,
    TimelineEntry,
    Usage,
    Verdict,
)

__all__ = ["any_event"]

_NAMES = st.text(min_size=1, max_size=40)
_TEXTS = st.text(max_size=200)
_LABELS = st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=4)
_INSTANTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.just(UTC),
)
_FLOATS = st.floats(allow_nan=False)
_UNIT = st.floats(min_value=0, max_value=1)
_COUNTS = st.integers(min_value=0, max_value=2**53)
_IDS = st.from_regex(r"[a-z]{2,4}_[a-z2-7]{26}", fullmatch=True)


def _event(model: type[Event], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.builds(model, tenant=_NAMES, occurred_at=_INSTANTS, **fields)


_ALARM_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "source": _NAMES,
    "fingerprint": _NAMES,
    "name": _NAMES,
    "service": _NAMES,
    "status": st.sampled_from(AlarmStatus),
    "severity": st.sampled_from(Severity),
    "started_at": _INSTANTS,
    "entity": _TEXTS,
    "host": _TEXTS,
    "indicator": _TEXTS,
    "value": st.none() | _FLOATS,
    "summary": _TEXTS,
    "labels": _LABELS,
}


@st.composite
def _samples(draw: st.DrawFn) -> KpiSamples:
    times = sorted(draw(st.lists(st.integers(0, 4_102_444_800_000), min_size=1, max_size=8)))
    values = draw(st.lists(_FLOATS, min_size=len(times), max_size=len(times)))
    return KpiSamples(
        metric=draw(_NAMES),
        labels=draw(_LABELS),
        unit=draw(_TEXTS),
        times_ms=tuple(times),
        values=tuple(values),
    )


_LINES = st.builds(
    LogLine,
    at=_INSTANTS,
    severity=st.sampled_from(LogSeverity),
    message=_TEXTS,
    entity=_TEXTS,
    trace_id=_TEXTS,
    attributes=_LABELS,
)

_INCIDENT_ALARMS = st.builds(
    IncidentAlarm,
    alarm_event_id=_IDS,
    fingerprint=_NAMES,
    name=_NAMES,
    service=_NAMES,
    severity=st.sampled_from(Severity),
    status=st.sampled_from(AlarmStatus),
    started_at=_INSTANTS,
    value=st.none() | _FLOATS,
)

_INCIDENTS = _event(
    Incident,
    incident_id=_IDS,
    revision=st.integers(1, 1000),
    transition=st.sampled_from(IncidentTransition),
    opened_at=_INSTANTS,
    title=_TEXTS,
    severity=st.sampled_from(Severity),
    services=st.lists(_NAMES, max_size=3).map(tuple),
    alarms=st.lists(_INCIDENT_ALARMS, max_size=3).map(tuple),
    alarm_count=st.integers(1, 1000),
    active_count=st.integers(0, 1000),
    updated_at=_INSTANTS,
)

_USAGES = st.builds(
    Usage,
    input_uncached=st.none() | _COUNTS,
    cache_read=st.none() | _COUNTS,
    cache_write=st.none() | _COUNTS,
    output=st.none() | _COUNTS,
    reasoning=st.none() | _COUNTS,
)

_EVIDENCE_IDS = st.lists(_IDS, max_size=3).map(tuple)

_FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def _figures(draw: st.DrawFn) -> ReportFigure:
    offsets = sorted(draw(st.lists(st.floats(0, 31_622_400), max_size=120)))
    values = draw(st.lists(_FINITE, min_size=len(offsets), max_size=len(offsets)))
    return ReportFigure(
        service=draw(_NAMES),
        indicator=draw(_NAMES),
        unit=draw(_TEXTS),
        caption=draw(_TEXTS),
        evidence_id=draw(_IDS),
        start=draw(_INSTANTS),
        offsets_s=tuple(offsets),
        values=tuple(values),
        normal_low=draw(st.none() | _FINITE),
        normal_high=draw(st.none() | _FINITE),
        onset=draw(st.none() | _INSTANTS),
        alarm_at=draw(st.none() | _INSTANTS),
    )


_FEW_NAMES = (
    st.sampled_from(["web", "cart", "db", "a very-long.name/of_a-service-that-fits-nowhere-at-all"]) | _NAMES
)
_LINKS = st.builds(ServiceLink, caller=_FEW_NAMES, callee=_FEW_NAMES, tie=_NAMES)
_SPENDING = st.builds(Spending, queries=_COUNTS, rows_read=_COUNTS, model_calls=_COUNTS, query=_TEXTS)

_REPORTS = _event(
    Report,
    investigation_id=_IDS,
    incident_id=_IDS,
    revision=st.integers(1, 9),
    verdict=st.sampled_from(Verdict),
    confidence=st.none() | _UNIT,
    headline=_TEXTS,
    causes=st.lists(
        st.builds(
            ReportedCause,
            service=_NAMES,
            kind=_NAMES,
            indicator=_TEXTS,
            confidence=st.none() | _UNIT,
            statement=_TEXTS,
            evidence_ids=_EVIDENCE_IDS,
        ),
        max_size=2,
    ).map(tuple),
    timeline=st.lists(st.builds(TimelineEntry, at=_INSTANTS, service=_NAMES, what=_TEXTS), max_size=2).map(
        tuple
    ),
    ruled_out=st.lists(
        st.builds(RuledOut, service=_NAMES, reason=_TEXTS, evidence_ids=_EVIDENCE_IDS), max_size=2
    ).map(tuple),
    missing=st.lists(_TEXTS, max_size=2).map(tuple),
    next_steps=st.lists(st.builds(NextStep, action=_TEXTS, query=_TEXTS), max_size=2).map(tuple),
    started_at=_INSTANTS,
    finished_at=_INSTANTS,
    cost_nano_usd=st.none() | _COUNTS,
    markdown=_TEXTS,
    began_at=st.none() | _INSTANTS,
    alarmed_at=st.none() | _INSTANTS,
    alarm_count=_COUNTS,
    severity=_TEXTS,
    services=st.lists(_FEW_NAMES, max_size=3).map(tuple),
    figures=st.lists(_figures(), max_size=2).map(tuple),
    links=st.lists(_LINKS, max_size=12).map(tuple),
    path=st.lists(_FEW_NAMES, max_size=4, unique=True).map(tuple),
    spending=st.none() | _SPENDING,
)

_EVENTS: dict[type[Event], st.SearchStrategy[Event]] = {
    AlarmRaw: _event(AlarmRaw, **_ALARM_FIELDS, received_at=st.none() | _INSTANTS, url=_TEXTS),
    AlarmChanged: _event(
        AlarmChanged,
        **_ALARM_FIELDS,
        alarm_event_id=_IDS,
        decision=st.sampled_from(Decision),
        reason=_TEXTS,
        decided_at=_INSTANTS,
    ),
    KpiBatch: _event(
        KpiBatch,
        source=_NAMES,
        service=_NAMES,
        series=st.lists(_samples(), min_size=1, max_size=3).map(tuple),
    ),
    LogBatch: _event(
        LogBatch, source=_NAMES, service=_NAMES, records=st.lists(_LINES, min_size=1, max_size=3).map(tuple)
    ),
    ChangeRaw: _event(
        ChangeRaw,
        source=_NAMES,
        service=_NAMES,
        kind=st.sampled_from(ChangeKind),
        title=_TEXTS,
        version=_TEXTS,
        author=_TEXTS,
        labels=_LABELS,
    ),
    Incident: _INCIDENTS,
    InvestigationRequested: _event(
        InvestigationRequested,
        investigation_id=_IDS,
        incident=_INCIDENTS,
        kind=st.sampled_from(RequestKind),
        policy=_NAMES,
        reason=_TEXTS,
        priority=st.integers(0, 100),
        observe_s=st.floats(min_value=0, max_value=1e6),
        not_before=st.none() | _INSTANTS,
        requested_at=_INSTANTS,
    ),
    InvestigationStatus: _event(
        InvestigationStatus,
        investigation_id=_IDS,
        incident_id=_IDS,
        state=st.sampled_from(InvestigationState),
        step=_TEXTS,
        message=_TEXTS,
        progress=_UNIT,
        attempt=st.integers(1, 9),
    ),
    Evidence: _event(
        Evidence,
        investigation_id=_IDS,
        incident_id=_IDS,
        step=_NAMES,
        finding=_NAMES,
        kind=_NAMES,
        service=_TEXTS,
        statement=_TEXTS,
        score=st.none() | _FLOATS,
        direction=st.sampled_from((-1, 0, 1)),
        onset=st.none() | _INSTANTS,
        window_start=_INSTANTS,
        window_end=_INSTANTS,
        data_fresh_until=st.none() | _INSTANTS,
        query=_TEXTS,
    ),
    Report: _REPORTS,
    CostEntry: _event(
        CostEntry,
        investigation_id=_IDS,
        incident_id=_IDS,
        service=_TEXTS,
        alarm=_TEXTS,
        step=_NAMES,
        attempt=st.integers(1, 9),
        kind=st.sampled_from(CostKind),
        provider=_TEXTS,
        model=_TEXTS,
        usage=_USAGES,
        estimated=st.booleans(),
        cost_nano_usd=st.none() | _COUNTS,
        duration_ms=_COUNTS,
        rows_read=st.none() | _COUNTS,
    ),
    Audit: _event(
        Audit, principal=_NAMES, action=_NAMES, resource=_TEXTS, allowed=st.booleans(), reason=_TEXTS
    ),
    Feedback: _event(
        Feedback, investigation_id=_IDS, score=st.sampled_from((0, 35, 65, 100)), comment=_TEXTS, by=_NAMES
    ),
    DeadLetter: _event(
        DeadLetter,
        source_topic=_NAMES,
        source_partition=st.integers(0, 63),
        source_offset=_COUNTS,
        message_key=st.none() | st.binary(max_size=40),
        message_value=st.none() | st.binary(max_size=200),
        headers=st.lists(
            st.builds(Header, name=_TEXTS, value=st.none() | st.binary(max_size=20)), max_size=2
        ).map(tuple),
        stage=_NAMES,
        reason=_NAMES,
        detail=_TEXTS,
        retries=st.integers(0, 5),
    ),
}


def any_event(kind: type[Event] | None = None) -> st.SearchStrategy[Event]:
    """Draw any valid event, or any of one class."""
    return _EVENTS[kind] if kind else st.one_of(*_EVENTS.values())
