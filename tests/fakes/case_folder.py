"""A recorded incident in the neutral case format, made up: the database's processor is busy and its callers are slow."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path

__all__ = ["write_case"]

_ALARM_AT = 1_700_000_000
_BEFORE_S, _AFTER_S, _STEP_S = 1_800, 60, 10
_CALLS = (("web", "cart"), ("cart", "cart-db"), ("web", "search"))
_CAUSE = "cart-db"
_SERVICES = ("web", "cart", "search", _CAUSE)


def write_case(root: Path, name: str = "busy-database", *, broken: bool = True) -> Path:
    """Write `root/made-up/<name>` and return it. `broken` False is a healthy control."""
    folder = root / "made-up" / name
    folder.mkdir(parents=True)
    head = {
        "alarm_at": _ALARM_AT,
        "alarm": {"service": "web", "indicator": "web_latency_p95_ms"},
        "candidates": list(_SERVICES),
        "root_cause_service": "never-read",
    }
    (folder / "case.json").write_text(json.dumps(head))
    edges = [{"source": caller, "target": callee} for caller, callee in _CALLS]
    (folder / "topology.json").write_text(
        json.dumps({"nodes": [{"id": n} for n in _SERVICES], "edges": edges})
    )
    _metrics(folder / "metrics.csv", broken)
    _logs(folder / "logs.csv", broken)
    _rows(folder / "alarms.csv", ("time", "entity", "host", "kind", "name", "detail"), _alarms(broken))
    _rows(
        folder / "events.csv",
        ("time", "service", "message"),
        [(_ALARM_AT - 900, "search", "deploy search 1.2")],
    )
    return folder


def _alarms(broken: bool) -> list[tuple[object, ...]]:
    alarms: list[tuple[object, ...]] = [
        (_ALARM_AT, "web", "node-1", "symptom", "SlowPages", "p95 above 300 ms")
    ]
    if broken:
        alarms.append((_ALARM_AT + 5, "cart", "node-2", "metric", "latency_p95_ms", "p95 above 200 ms"))
    return alarms


def _metrics(path: Path, broken: bool) -> None:
    noise = random.Random(7)
    columns = [f"{service}_{metric}" for service in _SERVICES for metric in ("cpu_usage", "latency_p95_ms")]
    rows = []
    for at in range(_ALARM_AT - _BEFORE_S, _ALARM_AT + _AFTER_S + 1, _STEP_S):
        bad = broken and at >= _ALARM_AT - 30
        rows.append((at, *(_value(column, bad) * noise.uniform(0.95, 1.05) for column in columns)))
    _rows(path, ("time", *columns), rows)


def _value(column: str, bad: bool) -> float:
    service, _, metric = column.partition("_")
    if metric == "cpu_usage":
        return 0.97 if bad and service == _CAUSE else 0.3
    factor = {"web": 2.5, "cart": 4.0, _CAUSE: 6.0}.get(service, 1.0) if bad else 1.0
    return {"web": 150.0, "cart": 60.0, "search": 40.0}.get(service, 20.0) * factor


def _logs(path: Path, broken: bool) -> None:
    rows: list[tuple[object, ...]] = []
    for at in range(_ALARM_AT - _BEFORE_S, _ALARM_AT + _AFTER_S, 20):
        rows.append((at, "cart", f"order {at % 977} priced in {at % 13} ms"))
        if broken and at >= _ALARM_AT - 30:
            rows.append((at, "cart", f"ERROR query on cart-db timed out after {at % 90 + 900} ms"))
    _rows(path, ("time", "service", "message"), rows)


def _rows(path: Path, header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
