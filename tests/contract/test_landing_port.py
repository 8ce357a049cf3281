"""The ports of streams and agents that sinks answers: mypy checks the shapes, this the words."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from infra.runtime.clock import SystemClock
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.writers import WRITERS
from streams.land import LandRules
from streams.ports import Landing

if TYPE_CHECKING:
    from sinks.clickhouse.client import ClickHouse


def _as_port(clickhouse: ClickHouse) -> Landing:
    return ClickHouseLanding(clickhouse, FixedRetention(7), SystemClock())


def test_landing_is_called_as_streams_calls_it() -> None:
    ours = inspect.signature(ClickHouseLanding.insert).parameters
    theirs = inspect.signature(Landing.insert).parameters

    assert list(ours) == list(theirs)
    assert inspect.iscoroutinefunction(ClickHouseLanding.insert)
    assert callable(_as_port)


def test_whatever_streams_lands_has_a_table() -> None:
    assert set(LandRules().topics) <= WRITERS.keys()
