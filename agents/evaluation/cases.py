"""Recorded incidents as folders of plain files, read into what the analysis takes.

The neutral format: `case.json` (alarm time, alarm, candidates), `metrics.csv` (one column per
`<service>_<metric>`), `logs.csv`, `traces_agg.csv`, `alarms.csv`, `events.csv`, `topology.json`. Every file but
`case.json` may be absent. The labels in `case.json` (and its `id`, which may spell them) are never looked at:
the reader copies the few fields it may know and drops the rest at the edge.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agents.analysis.signals import (
    AlarmRecord,
    CallStats,
    ChangeRecord,
    FloatArray,
    IncidentData,
    KpiSeries,
    LogRecord,
    Topology,
    Window,
)
from schemas.errors import InvalidRequestError

__all__ = ["LEAD_S", "Case", "find_cases", "load_case"]

# An alarm is raised after its fault began: by a minute or three of sampling, evaluation and waiting to be sure.
# Just under three minutes, so that a per-minute sample stamped that long before stays in the baseline.
LEAD_S = 179.0

_T = TypeVar("_T")
_VISIBLE = ("alarm_at", "injected_at", "alarm", "candidates", "step_s", "duration_s")
_CHANGE_WORDS = {
    "deploy": ("deploy", "release", "rollout", "version", "upgrade"),
    "flag": ("flag", "toggle"),
    "config": ("config", "setting", "parameter"),
    "scale": ("scale", "replica"),
}


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded incident; `case_id` is `<dataset>/<folder>`, as predictions name it."""

    case_id: str
    data: IncidentData


def find_cases(root: Path) -> tuple[Path, ...]:
    """Every folder below `root` (or `root` itself) that holds a `case.json`, sorted. Blocks on the file system."""
    return tuple(sorted(path.parent for path in root.rglob("case.json")))


def load_case(directory: Path, *, late_s: float = 0.0, lead_s: float = LEAD_S) -> Case:
    """Read one case folder. Blocks on the file system.

    `late_s` pretends that the alarm came that many seconds later; `lead_s` is how long before the alarm the
    incident window starts.

    Raises:
        InvalidRequestError: the folder holds no readable `case.json`, or one without an alarm time.
    """
    head = _read_head(directory)
    alarm_at = _alarm_time(head, directory) + late_s
    kpis = tuple(_read_kpis(directory / "metrics.csv"))
    logs = tuple(_rows(directory / "logs.csv", _log))
    calls = tuple(_rows(directory / "traces_agg.csv", _call))
    alarms = tuple(_rows(directory / "alarms.csv", _alarm))
    changes = tuple(_rows(directory / "events.csv", _change))
    times = _times(kpis, logs, calls, alarms, changes)
    alarm: Mapping[str, str] = head.get("alarm") or {}
    service = str(alarm.get("service", ""))
    data = IncidentData(
        window=Window(
            baseline_start=min([alarm_at - lead_s, *times]),
            start=alarm_at - lead_s,
            end=max([alarm_at, *times]),
            alarm_at=alarm_at,
        ),
        alarm_service=service,
        alarm_indicator=str(alarm.get("indicator", "")).removeprefix(f"{service}_"),
        candidates=frozenset(map(str, head.get("candidates") or ())),
        kpis=kpis,
        alarms=alarms,
        logs=logs,
        changes=changes,
        calls=calls,
        topology=_read_topology(directory / "topology.json"),
    )
    return Case(f"{directory.resolve().parent.name}/{directory.resolve().name}", data)


def _read_head(directory: Path) -> dict[str, Any]:
    path = directory / "case.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"{path} cannot be read: {error}", cure="Name a case folder.") from error
    if not isinstance(raw, dict):
        raise InvalidRequestError(f"{path} holds no JSON object", cure="Name a case folder.")
    return {key: raw[key] for key in _VISIBLE if key in raw}


def _alarm_time(head: Mapping[str, Any], directory: Path) -> float:
    moment = head.get("alarm_at", head.get("injected_at"))
    if not isinstance(moment, (int, float)):
        raise InvalidRequestError(f"{directory}/case.json has no alarm_at", cure="Give it in unix seconds.")
    return float(moment)


def _times(
    kpis: tuple[KpiSeries, ...], *records: tuple[LogRecord | CallStats | AlarmRecord | ChangeRecord, ...]
) -> list[float]:
    """First and last moment of each source."""
    ends = [float(moment) for k in kpis if k.times.size for moment in (k.times[0], k.times[-1])]
    return ends + [pick(r.time for r in rows) for rows in records if rows for pick in (min, max)]


def _read_kpis(path: Path) -> Iterator[KpiSeries]:
    """Columns as series; a cell that is no number is a missing sample, rows are sorted by time."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as lines:
        reader = csv.reader(lines)
        header = next(reader, [])
        rows = [row for row in reader if row and np.isfinite(_number(row[0]))]
    if not rows:
        return
    width = len(header)
    table = np.array([[_number(cell) for cell in (row + [""] * width)[:width]] for row in rows])
    table = table[np.argsort(table[:, 0], kind="stable")]
    times = np.ascontiguousarray(table[:, 0])
    for position, name in enumerate(header[1:], start=1):
        service, mark, metric = name.partition("_")
        if mark:
            yield KpiSeries(service, metric, times, _column(table, position))


def _column(table: FloatArray, position: int) -> FloatArray:
    return np.ascontiguousarray(table[:, position])


def _number(text: str | None) -> float:
    try:
        value = float(text or "nan")
    except ValueError:
        return float("nan")
    return value if np.isfinite(value) else float("nan")


def _rows(path: Path, build: Callable[[Mapping[str, str]], _T]) -> Iterator[_T]:
    """Built rows whose time is a number; a row cut short keeps its absent cells empty."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, restval=""):
            if np.isfinite(_number(row.get("time"))):
                yield build(row)


def _log(row: Mapping[str, str]) -> LogRecord:
    return LogRecord(
        _number(row["time"]), row.get("service", ""), row.get("message", ""), row.get("severity", "")
    )


def _call(row: Mapping[str, str]) -> CallStats:
    return CallStats(
        time=_number(row["time"]),
        service=row.get("service", ""),
        operation=row.get("operation", ""),
        caller=row.get("caller", ""),
        count=_number(row.get("count")),
        p50_ms=_number(row.get("p50_ms")),
        p95_ms=_number(row.get("p95_ms")),
    )


def _alarm(row: Mapping[str, str]) -> AlarmRecord:
    kind, name = row.get("kind", ""), row.get("name", "")
    return AlarmRecord(
        time=_number(row["time"]),
        service=row.get("entity", ""),
        name=name,
        entity=row.get("entity", ""),
        host=row.get("host", ""),
        kind=kind,
        indicator=name if kind == "metric" else "",
        detail=row.get("detail", ""),
    )


def _change(row: Mapping[str, str]) -> ChangeRecord:
    title = row.get("message", "")
    words = title.lower()
    kind = next((kind for kind, marks in _CHANGE_WORDS.items() if any(m in words for m in marks)), "other")
    return ChangeRecord(_number(row["time"]), row.get("service", ""), kind, title)


def _read_topology(path: Path) -> Topology:
    """Edges by what their label says; an unlabelled edge is a call."""
    if not path.exists():
        return Topology()
    raw = json.loads(path.read_text(encoding="utf-8"))
    calls: dict[str, set[str]] = {}
    hosts: dict[str, str] = {}
    parts: dict[str, str] = {}
    for edge in raw.get("edges", ()):
        source, target, label = str(edge["source"]), str(edge["target"]), str(edge.get("label", "calls"))
        if label == "hosted_on":
            hosts[source] = target
        elif label == "instance_of":
            parts[source] = target
        elif label in {"calls", "control_flow", "data_flow", ""}:
            calls.setdefault(source, set()).add(target)
    return Topology(
        calls={source: frozenset(targets) for source, targets in calls.items()},
        nodes=frozenset(str(node["id"]) for node in raw.get("nodes", ())),
        hosted_on=hosts,
        instance_of=parts,
    )
