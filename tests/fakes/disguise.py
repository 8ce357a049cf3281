"""The same incident under other names and on other clocks: nothing that is concluded may change with either."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from agents.analysis.signals import IncidentData, Topology, Window

__all__ = ["moved", "names_of", "renamed"]


def names_of(data: IncidentData) -> frozenset[str]:
    """All services, instances and hosts that the incident speaks of."""
    graph = data.topology
    called = {callee for callees in graph.calls.values() for callee in callees}
    spoken = {one.service for one in data.kpis} | {one.service for one in data.logs}
    spoken |= {one.service for one in data.alarms} | {one.service for one in data.changes}
    spoken |= {one.service for one in data.calls}
    placed = {*graph.hosted_on, *graph.hosted_on.values(), *graph.instance_of, *graph.instance_of.values()}
    alarmed = {one.host for one in data.alarms} | {one.entity for one in data.alarms}
    callers = {one.caller for one in data.calls}
    every = {data.alarm_service, *data.candidates, *graph.nodes, *graph.calls, *called, *spoken}
    return frozenset((every | placed | alarmed | callers) - {""})


def renamed(data: IncidentData, other: Callable[[str], str]) -> IncidentData:
    """The incident with every name replaced by `other` of it, in what is logged and announced too."""
    known = {name: other(name) for name in names_of(data)} | {"": ""}
    words = re.compile(
        r"(?<![\w-])("
        + "|".join(map(re.escape, sorted(known.keys() - {""}, key=len, reverse=True)))
        + r")(?![\w-])"
    )

    def said(text: str) -> str:
        return words.sub(lambda found: known[found[0]], text)

    graph = data.topology
    return replace(
        data,
        alarm_service=known[data.alarm_service],
        candidates=frozenset(known[name] for name in data.candidates),
        kpis=tuple(
            replace(
                one, service=known[one.service], labels={k: known.get(v, v) for k, v in one.labels.items()}
            )
            for one in data.kpis
        ),
        logs=tuple(replace(one, service=known[one.service], message=said(one.message)) for one in data.logs),
        alarms=tuple(
            replace(
                one,
                service=known[one.service],
                entity=known[one.entity],
                host=known[one.host],
                detail=said(one.detail),
            )
            for one in data.alarms
        ),
        changes=tuple(
            replace(one, service=known[one.service], title=said(one.title)) for one in data.changes
        ),
        calls=tuple(replace(one, service=known[one.service], caller=known[one.caller]) for one in data.calls),
        topology=Topology(
            calls={known[a]: frozenset(known[b] for b in callees) for a, callees in graph.calls.items()},
            nodes=frozenset(known[name] for name in graph.nodes),
            hosted_on={known[a]: known[b] for a, b in graph.hosted_on.items()},
            instance_of={known[a]: known[b] for a, b in graph.instance_of.items()},
        ),
    )


def moved(data: IncidentData, by_s: float) -> IncidentData:
    """The incident on clocks that are all ahead by so many seconds."""
    window = data.window
    return replace(
        data,
        window=Window(
            *(at + by_s for at in (window.baseline_start, window.start, window.end, window.alarm_at))
        ),
        kpis=tuple(replace(one, times=one.times + by_s) for one in data.kpis),
        logs=tuple(replace(one, time=one.time + by_s) for one in data.logs),
        alarms=tuple(replace(one, time=one.time + by_s) for one in data.alarms),
        changes=tuple(replace(one, time=one.time + by_s) for one in data.changes),
        calls=tuple(replace(one, time=one.time + by_s) for one in data.calls),
    )
