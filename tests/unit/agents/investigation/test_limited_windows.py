"""The windows in memory within limits, as a store's: what is left out, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.findings import Source
from agents.analysis.signals import AlarmRecord, CallStats, ChangeRecord, IncidentData, LogRecord
from agents.evaluation.unreachable import UnreachableWindows
from agents.investigation.cuts import cut_short, left_out
from agents.investigation.memory import MemoryWindows
from agents.ports import Fetched, QueryLimits
from schemas.errors import UnavailableError
from tests.fakes.incident_data import ALARM_AT, bad_deploy, healthy

START, END = (datetime.fromtimestamp(ALARM_AT + by, tz=UTC) for by in (-7200, 7200))


def windows(count: int, limits: QueryLimits) -> MemoryWindows:
    """`count` events of each kind, the latest first."""
    times = [ALARM_AT - n for n in range(count)]
    data: IncidentData = replace(
        healthy(),
        logs=tuple(LogRecord(at, "cart", f"line {at:.0f}") for at in sorted(times)),
        changes=tuple(ChangeRecord(at, "cart", "deploy", f"v{at:.0f}") for at in times),
        alarms=tuple(AlarmRecord(at, "cart", "High") for at in sorted(times)),
        calls=tuple(CallStats(at, "cart", "GET", "web", 1, 1.0, 1.0) for at in sorted(times)),
    )
    return MemoryWindows(data).within(limits)


async def _asked(found: MemoryWindows | UnreachableWindows, name: str) -> Fetched[Any]:
    fetched: Fetched[Any] = await getattr(found, name)("t", None, START, END)
    return fetched


@given(count=st.integers(0, 40), rows=st.integers(1, 50))
async def test_no_more_rows_than_the_limit_and_what_is_cut_says_so(count: int, rows: int) -> None:
    limited = windows(count, QueryLimits(rows, 1, 1.0))

    for name in ("logs", "changes", "alarms", "calls"):
        fetched = await _asked(limited, name)
        assert len(fetched.items) <= rows
        assert fetched.truncated == (count > rows)
        assert (len(fetched.items) == count) == (not fetched.truncated)


async def test_lines_are_thinned_out_changes_are_the_latest_alarms_the_first() -> None:
    limited = windows(10, QueryLimits(3, 1, 1.0))

    logs = [round(one.time - ALARM_AT) for one in (await _asked(limited, "logs")).items]
    changes = [round(one.time - ALARM_AT) for one in (await _asked(limited, "changes")).items]
    alarms = [round(one.time - ALARM_AT) for one in (await _asked(limited, "alarms")).items]

    assert (logs, changes, alarms) == ([-9, -5, -1], [-2, -1, 0], [-9, -8, -7])
    assert (await _asked(limited, "logs")).one_in == 4


@pytest.mark.parametrize(("series", "spare"), [(0, 0), (1, 0), (2, 5)])
async def test_samples_are_counted_over_all_series(series: int, spare: int) -> None:
    data = bad_deploy()
    whole = (await _asked(MemoryWindows(data), "kpis")).items
    allowed = sum(one.times.size for one in whole[:series]) + spare

    fetched = await _asked(MemoryWindows(data).within(QueryLimits(1, allowed, 1.0)), "kpis")

    assert (fetched.items, fetched.truncated) == (whole[:series], True)


async def test_what_does_not_answer_does_not_within_limits_either() -> None:
    away = UnreachableWindows(MemoryWindows(bad_deploy()), frozenset({Source.LOGS}))
    limited = away.within(QueryLimits(1, 1, 1.0))

    with pytest.raises(UnavailableError):
        await _asked(limited, "logs")
    assert (await _asked(limited, "kpis")).truncated


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source.KPIS, "only the first 2 series by name were read"),
        (Source.LOGS, "one line in 1,200, evenly chosen, was read, and counts are of those"),
        (Source.CHANGES, "only the latest 2 were read"),
        (Source.ALARMS, "only the first 2 were read"),
        (Source.TOPOLOGY, "only the first 2 were read"),
    ],
)
def test_what_was_read_is_said_by_source(source: Source, said: str) -> None:
    fetched = Fetched((1, 2), "SELECT", 9, 1, truncated=True, one_in=1200)

    assert left_out(source, fetched) == said
    assert cut_short(source, fetched).statement == f"There is more of {source} than one query reads: {said}"
