"""What stands between an incident and its investigation: each takes, moves or adds what it says, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.findings import Source
from agents.analysis.signals import AlarmRecord, KpiSeries, LogRecord
from infra.cli.evaluation.declared import (
    FlappingAlarm,
    GoesSilent,
    Holes,
    LateAlarm,
    NoLogs,
    NoMetrics,
    NoTopology,
    Said,
    Seen,
    Silenced,
    Skewed,
    Sparse,
    Unreachable,
)
from infra.cli.evaluation.impairments import impaired
from infra.cli.evaluation.recorded import Recorded
from infra.local.shop.staging import Role

CAST = {Role.CULPRIT: "db", Role.CALLER: "web", Role.HERRING: "mail"}
ONSET = 1_000.0
TIMES = np.arange(900.0, 1_100.0)
TOLD = Recorded(
    kpis=tuple(KpiSeries(name, "cpu", TIMES, TIMES * 2) for name in CAST.values()),
    logs=tuple(LogRecord(at, name, "line") for name in CAST.values() for at in (950.0, 1_050.0)),
    alarms=tuple(AlarmRecord(1_010.0, name, "Slow") for name in CAST.values()),
    changes=(),
)


def seen(*what: Seen, seed: int = 1) -> Recorded:
    return impaired(TOLD, what, CAST, ONSET, seed)


def measured(told: Recorded) -> set[str]:
    return {one.service for one in told.kpis}


def logging(told: Recorded) -> set[str]:
    return {one.service for one in told.logs}


def test_without_any_it_is_what_was_recorded() -> None:
    assert seen() is TOLD


def test_some_or_all_are_not_measured_or_do_not_log() -> None:
    assert measured(seen(NoMetrics((Role.CULPRIT,)))) == {"web", "mail"}
    assert measured(seen(NoMetrics())) == set()
    assert logging(seen(NoLogs((Role.CULPRIT, Role.CALLER)))) == {"mail"}
    assert logging(seen(NoLogs())) == set()
    assert logging(seen(NoMetrics())) == set(CAST.values())


def test_nobody_told_the_topology() -> None:
    assert TOLD.topology
    assert not seen(NoTopology()).topology


def test_what_ports_and_window_see_to_changes_nothing_here() -> None:
    assert seen(Unreachable((Source.KPIS,)), LateAlarm(60.0)) == TOLD


@pytest.mark.parametrize("by", [40.0, -40.0])
def test_a_skewed_clock_moves_all_of_one_service(by: float) -> None:
    told = seen(Skewed(Role.CULPRIT, by))
    first = {one.service: float(one.times[0]) for one in told.kpis}
    assert first == {"db": 900.0 + by, "web": 900.0, "mail": 900.0}
    assert [one.time for one in told.logs if one.service == "db"] == [950.0 + by, 1_050.0 + by]
    assert {one.service: one.time for one in told.alarms}["db"] == 1_010.0 + by
    assert told.skew_s == max(0.0, -by)


def test_a_log_alone_may_be_skewed() -> None:
    told = seen(Skewed(Role.CULPRIT, 30.0, metrics=False))
    assert {float(one.times[0]) for one in told.kpis} == {900.0}
    assert {one.time for one in told.alarms} == {1_010.0}
    assert {one.time for one in told.logs if one.service == "db"} == {980.0, 1_080.0}


def test_sparse_keeps_one_sample_a_step_and_the_values_stay_with_their_times() -> None:
    left = seen(Sparse(15.0)).kpis
    assert left
    for one in left:
        assert one.times.size == pytest.approx(TIMES.size / 15, abs=1)
        assert (one.values == one.times * 2).all()


def test_holes_are_drawn_by_the_seed() -> None:
    one, again, other = seen(Holes(0.4)), seen(Holes(0.4)), seen(Holes(0.4), seed=2)
    for series, same in zip(one.kpis, again.kpis, strict=True):
        assert (series.times == same.times).all()
        assert (series.values == series.times * 2).all()
        assert 0.45 < series.times.size / TIMES.size < 0.75
    assert any(a.times.size != b.times.size for a, b in zip(one.kpis, other.kpis, strict=True))


def test_who_goes_silent_says_nothing_from_the_onset_on() -> None:
    told = seen(GoesSilent(Role.CULPRIT))
    last = {one.service: float(one.times[-1]) for one in told.kpis}
    assert last == {"db": 999.0, "web": 1_099.0, "mail": 1_099.0}
    assert [one.time for one in told.logs if one.service == "db"] == [950.0]


def test_a_flapping_alarm_fires_last_at_the_onset() -> None:
    told = seen(Silenced(), FlappingAlarm(Role.HERRING, "CpuHigh", "cpu", times=3, every_s=20.0))
    assert {one.service for one in told.alarms} == {"mail"}
    assert [one.time for one in told.alarms if not one.cleared] == [960.0, 980.0, 1_000.0]
    assert [one.time for one in told.alarms if one.cleared] == [970.0, 990.0, 1_010.0]


def test_words_may_name_players() -> None:
    told = seen(Said(Role.CULPRIT, "blame {herring}", severity="warn", times=2))
    added = [one for one in told.logs if one.message != "line"]
    assert [(one.service, one.message, one.severity) for one in added] == [("db", "blame mail", "warn")] * 2
    assert all(one.time >= ONSET for one in added)


def test_silenced_alarms_are_not_there() -> None:
    assert {one.service for one in seen(Silenced((Role.HERRING,))).alarms} == {"db", "web"}
    assert seen(Silenced()).alarms == ()
