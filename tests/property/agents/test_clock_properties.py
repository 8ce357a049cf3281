"""Clocks are compared among themselves: all ahead alike is nobody ahead."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agents.analysis.findings import Source
from agents.analysis.signals import IncidentData
from agents.investigation.ahead import Ahead, clocks_ahead
from agents.investigation.clocks import right_kpis, with_clocks
from agents.investigation.memory import MemoryWindows
from agents.investigation.nodes.plan import first_window
from agents.investigation.state import LookWindow
from agents.ports import Delay
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import context_for
from tests.fakes.landing_times import landed, stamped_ahead

_WHOLE = landed(bad_deploy())
DATA = replace(
    _WHOLE,
    kpis=tuple(
        replace(one, **{name: getattr(one, name)[::6] for name in ("times", "values", "landed")})
        for one in _WHOLE.kpis
    ),
    logs=_WHOLE.logs[::20],
)
"""A sample every half minute."""
SERVICES = ("cart", "catalogue", "checkout", "frontend", "payment")

delays = st.lists(
    st.builds(
        Delay,
        source=st.sampled_from([Source.KPIS, Source.LOGS]),
        service=st.sampled_from(SERVICES),
        least_s=st.integers(-7200, 7200).map(float),
        step_s=st.sampled_from([0.0, 5.0, 60.0]),
    ),
    max_size=10,
    unique_by=lambda one: (one.source, one.service),
)


def amounts(ahead: tuple[Ahead, ...]) -> dict[tuple[Source, str], float]:
    return {(one.source, one.service): one.seconds for one in ahead}


async def seen(data: IncidentData) -> LookWindow:
    context = context_for(data)
    return (await with_clocks(first_window(context), context))[0]


@given(delays)
def test_nobody_is_put_right_by_more_than_is_proven(known: list[Delay]) -> None:
    told = {(one.source, one.service): one for one in known}
    for name, seconds in amounts(clocks_ahead(known)).items():
        assert max(10.0, told[name].step_s) < seconds <= -told[name].least_s


@given(delays, st.integers(0, 1_000_000))
def test_all_clocks_further_ahead_alike_change_nothing(known: list[Delay], by_s: int) -> None:
    """Where even the typical clock is ahead already: of clocks that are behind nothing is known."""
    once, further = (
        [replace(one, least_s=one.least_s - more) for one in known] for more in (7200, 7200 + by_s)
    )
    assert clocks_ahead(further) == clocks_ahead(once)


@given(st.lists(st.floats(0, 3600), min_size=1, max_size=5))
def test_slow_ways_accuse_nobody(slow: list[float]) -> None:
    known = [Delay(Source.KPIS, name, way) for name, way in zip(SERVICES, slow, strict=False)]
    assert clocks_ahead(known) == ()


@given(by_s=st.integers(-100_000, 100_000))
def test_an_incident_on_other_clocks_is_read_as_it_is(by_s: int) -> None:
    assert asyncio.run(seen(stamped_ahead(DATA, float(by_s)))).ahead == ()


@given(service=st.sampled_from(SERVICES), by_s=st.integers(-600, 10))
def test_a_clock_a_little_ahead_or_behind_is_believed(service: str, by_s: int) -> None:
    assert asyncio.run(seen(stamped_ahead(DATA, float(by_s), service))).ahead == ()


@given(st.sets(st.sampled_from(SERVICES), max_size=2), st.integers(31, 600))
def test_whoever_is_ahead_is_read_as_if_it_were_not(who: set[str], by_s: int) -> None:
    data = stamped_ahead(DATA, float(by_s), *who) if who else DATA
    asyncio.run(_reads_alike(data, DATA))


async def _reads_alike(data: IncidentData, plain: IncidentData) -> None:
    look = await seen(data)
    read = right_kpis(MemoryWindows(data), look)
    fetched = await read("t", None, look.baseline_start, look.end)
    known = await MemoryWindows(plain).kpis("t", None, look.baseline_start, look.end)
    kept = {(one.service, one.metric): one for one in fetched.items}
    assert kept.keys() == {(one.service, one.metric) for one in known.items}
    for one in known.items:
        assert kept[one.service, one.metric].times.tolist() == one.times.tolist()
        assert kept[one.service, one.metric].values.tolist() == one.values.tolist()
