"""The parts of the benchmark of the analysis: cases, the peer's frame, our two ways, and how the figures count."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.analysis.signals import IncidentData, KpiSeries, Window
from infra.local.shop.faults import FaultKind, choose_fault
from tests.bench.analysing.baro import Baro, published
from tests.bench.analysing.ours import analysed, investigated, unrelated
from tests.bench.analysing.recorded import Solved, recorded, simulated
from tests.bench.benches.analysis import CaseRun, Method, figures_of
from tests.fakes.incident_data import bad_deploy

WINDOW = Window(0.0, 60.0, 100.0, 80.0)


def measured(service: str, metric: str, times: list[float], values: list[float]) -> KpiSeries:
    return KpiSeries(service, metric, np.array(times), np.array(values))


def by_last_value(frame: Any, inject_time: float) -> Mapping[str, list[str]]:
    late = frame[frame["time"] >= inject_time].drop(columns="time")
    return {"ranks": list(late.iloc[-1].sort_values(ascending=False).index)}


async def of_nothing() -> tuple[str, ...]:
    return ()


def test_simulated_incidents_hold_measurements_and_topology_and_nothing_else() -> None:
    (one,) = simulated([3], [FaultKind.CPU_HOG])
    assert one.cause == choose_fault(FaultKind.CPU_HOG, 3).expected_service
    assert one.cause in {series.service for series in one.data.kpis}
    assert one.data.topology.calls
    assert (one.data.alarms, one.data.logs, one.data.changes, one.data.calls) == ((), (), (), ())


def packed(archive: Path, files: Mapping[str, str]) -> None:
    with tarfile.open(archive, "w:xz") as out:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            out.addfile(member, io.BytesIO(text.encode()))


def test_of_an_archive_the_measurements_of_sets_with_metrics_are_taken(tmp_path: Path) -> None:
    head = json.dumps({"alarm_at": 80, "alarm": {"service": "web"}, "root_cause_service": "db"})
    files = {
        "public/petshop/a/case.json": head,
        "public/petshop/a/metrics.csv": "time,db_cpu\n0,1\n60,2\n",
        "public/petshop/a/logs.csv": "time,service,message\n0,db,no\n",
        "public/petshop/a/topology.json": json.dumps({"edges": [{"source": "web", "target": "db"}]}),
        "public/gaia_alarms/b/case.json": head,
    }
    packed(tmp_path / "public.tar.xz", files)
    (one,) = recorded(tmp_path / "public.tar.xz", tmp_path / "cases")
    assert (one.dataset, one.cause) == ("petshop", "db")
    assert [series.metric for series in one.data.kpis] == ["cpu"]
    assert one.data.topology.calls == {"web": frozenset({"db"})}
    assert one.data.logs == ()


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(recorded(tmp_path / "none.tar.xz", tmp_path))


def test_the_peer_reads_one_column_a_series_with_its_holes_filled() -> None:
    pytest.importorskip("pandas", reason="of the bench extra")
    kpis = (
        measured("web", "cpu", [0, 60, 90], [1.0, float("nan"), 3.0]),
        measured("db", "io_time", [60, 90, 100, 101], [5.0, float("inf"), 7.0, 9.0]),
    )
    peer = Baro.of(by_last_value, IncidentData(WINDOW, kpis=kpis))
    assert list(peer.frame.columns) == ["time", "web|cpu", "db|io_time"]
    assert list(peer.frame["time"]) == [0, 60, 90, 100], "what is behind the window is not told"
    assert list(peer.frame["web|cpu"]) == [1.0, 1.0, 3.0, 3.0]
    assert list(peer.frame["db|io_time"]) == [5.0, 5.0, 5.0, 7.0]
    assert peer.ranked() == ("db", "web")


def test_the_peer_may_name_the_candidates_only_and_is_told_the_alarm() -> None:
    pytest.importorskip("pandas", reason="of the bench extra")
    told: list[float] = []

    def scorer(frame: Any, inject_time: float) -> Mapping[str, list[str]]:
        told.append(inject_time)
        return by_last_value(frame, inject_time)

    kpis = tuple(measured(name, "cpu", [0, 90], [0.0, 9.0 - i]) for i, name in enumerate(("a", "b", "c")))
    data = IncidentData(WINDOW, kpis=kpis, candidates=frozenset({"b", "c"}))
    assert Baro.of(scorer, data).ranked() == ("b", "c")
    assert told == [WINDOW.alarm_at]


def test_the_published_scorer_finds_an_obvious_cause() -> None:
    pytest.importorskip("baro", reason="of the bench extra: pip install -e '.[bench]'")
    data = bad_deploy()
    assert Baro.of(published(), data).ranked()[0] == "cart"


@pytest.mark.parametrize("seed", [7, 11, 23])
async def test_the_statistics_timed_are_those_of_an_investigation_without_topology(seed: int) -> None:
    data = replace(unrelated(bad_deploy(seed)), alarms=(), logs=(), changes=())
    alone, whole = analysed(data), await investigated(data)
    assert alone == whole
    assert set(alone) == {series.service for series in data.kpis}


async def test_an_investigation_uses_the_topology() -> None:
    data = replace(bad_deploy(), alarms=(), logs=(), changes=())
    assert (await investigated(data))[0] == "cart"
    assert unrelated(data).topology.calls == {}


async def test_a_turn_keeps_its_time_and_the_last_answer() -> None:
    answers = iter([("a",), ("b", "a")])

    async def rank() -> tuple[str, ...]:
        return next(answers)

    method = Method(rank)
    await method.turn()
    await method.turn()
    assert method.answer == ("b", "a")
    assert len(method.spent) == 2
    assert min(method.spent) <= method.ms <= max(method.spent)


def decided(cause: str, *answers: tuple[str, float]) -> CaseRun:
    methods = [Method(of_nothing, [ms], (first,) if first else ()) for first, ms in answers]
    data = IncidentData(WINDOW, kpis=(measured("a", "cpu", [0], [1]), measured("b", "cpu", [0], [1])))
    return CaseRun(Solved("set", data, cause), *methods)


def test_figures_count_cases_named_first_and_compare_times_case_by_case() -> None:
    cases = [
        decided("a", ("a", 10.0), ("a", 50.0), ("b", 20.0)),
        decided("a", ("b", 10.0), ("a", 60.0), ("a", 40.0)),
        decided("b", ("b", 30.0), ("b", 70.0), ("", 20.0)),
        decided("b", ("a", 10.0), ("b", 80.0), ("a", 100.0)),
    ]
    took, alone, whole = figures_of("set", cases)
    assert took.value == pytest.approx((0.25 + 0.5) / 2)
    assert took.is_met is True
    assert took.ours == "10.0 ms a case of 2 series"
    assert took.peer == "30.0 ms, robust scorer alone"
    assert (alone.value, alone.ours, alone.peer) == (25.0, "2 of 4", "1 of 4")
    assert alone.is_met is True
    assert whole.value == 75.0
    assert whole.ours == "4 of 4, topology known; the whole graph takes 65 ms"


def test_being_right_as_often_as_the_peer_is_not_enough() -> None:
    cases = [decided("a", ("a", 20.0), ("b", 20.0), ("a", 10.0))]
    took, alone, whole = figures_of("set", cases)
    assert (took.value, took.is_met) == (2.0, False)
    assert (alone.value, alone.is_met) == (0.0, False)
    assert (whole.value, whole.is_met) == (-100.0, False)
