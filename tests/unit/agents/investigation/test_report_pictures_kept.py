"""The series that a report draws: which are kept, how they are thinned, which of them decide."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from agents.analysis.findings import Finding, FindingKind, Source
from agents.analysis.kpi import analyse_kpis
from agents.analysis.signals import FloatArray, KpiSeries, Window
from agents.investigation.checkpoints.serializer import checkpoint_serializer
from agents.investigation.memory import MemoryHistory, request_for
from agents.investigation.outcomes import Reported
from agents.investigation.picture import Picture, latest
from agents.investigation.pictures import pictures_of, thinned
from agents.investigation.run import Investigations
from schemas.events.evidence import Evidence
from schemas.events.report import ReportFigure, Verdict
from tests.fakes.incident_data import bad_deploy, healthy
from tests.fakes.investigation_runs import ports_for, published, recurrence, run

WINDOW = Window(baseline_start=0.0, start=1800.0, end=2100.0, alarm_at=1920.0)


def series(
    service: str, metric: str, after: float, *, step: float = 15.0, unit: str = "", **labels: str
) -> KpiSeries:
    times = np.arange(0.0, 2101.0, step)
    values = np.where(times < 1800, 1.0 + (times / step) % 3 * 0.05, after)
    return KpiSeries(service, metric, times, values, unit, labels)


def finding(service: str, metric: str, score: float = 3.0, **changes: Any) -> Finding:
    values: dict[str, Any] = {
        "source": Source.KPIS,
        "kind": FindingKind.LEVEL_SHIFT,
        "service": service,
        "indicator": metric,
        "subject": f"{service}|{metric}",
        "statement": f"{service} {metric} rose",
        "score": score,
        "data": {"metric_kind": "cpu", "before": 1.05},
    }
    return Finding.model_validate(values | changes)


def columns(picture: Picture) -> tuple[FloatArray, FloatArray]:
    return np.frombuffer(picture.offsets), np.frombuffer(picture.values)


def test_what_is_kept_was_measured_and_the_change_stands_in_the_last_quarter() -> None:
    one = series("cart", "cpu_usage", 5.0)

    (kept,) = pictures_of([one], [finding("cart", "cpu_usage")], WINDOW, ("", ""))

    offsets, values = columns(kept)
    times = offsets + kept.start.timestamp()
    assert set(times) <= set(one.times)
    assert np.array_equal(values, one.values[np.searchsorted(one.times, times)])
    assert (times[0], times[-1]) == (900.0, 2100.0)
    assert (kept.normal_low, kept.normal_high) == pytest.approx((1.0, 1.1))


def test_a_share_reads_as_percent_as_in_the_sentences() -> None:
    share = series("cart", "cpu_usage", 0.8, unit="1")
    small = KpiSeries("cart", "cpu_usage", share.times, share.values / 2, "1")

    (kept,) = pictures_of([small], [finding("cart", "cpu_usage")], WINDOW, ("", ""))
    (raw,) = pictures_of([share], [finding("cart", "cpu_usage")], WINDOW, ("", ""))

    assert (kept.unit, raw.unit) == ("%", "1")
    assert columns(kept)[1][-1] == pytest.approx(40.0)
    assert kept.normal_high == pytest.approx(55.0)


def test_the_alarm_s_own_metric_is_kept_though_nothing_is_wrong_with_it() -> None:
    kept = pictures_of(
        [series("web", "latency", 1.05), series("web", "cpu", 1.05)], [], WINDOW, ("web", "latency")
    )

    assert [(one.service, one.indicator) for one in kept] == [("web", "latency")]


def test_of_several_instances_the_one_is_kept_that_the_finding_is_about() -> None:
    calm, loud = series("cart", "cpu", 1.05, pod="a"), series("cart", "cpu", 50.0, pod="b")
    loud = KpiSeries("cart", "cpu", loud.times, loud.values + 10.0, "", loud.labels)
    about = finding("cart", "cpu", data={"metric_kind": "cpu", "before": 11.05})

    (kept,) = pictures_of([calm, loud], [about], WINDOW, ("", ""))

    assert columns(kept)[1].max() == 60.0


def test_they_are_bounded_however_many_findings_there_are() -> None:
    names = [(f"s{number:02}", f"m{metric}") for number in range(30) for metric in range(9)]
    findings = [
        finding(service, metric, score=float(place), data={"metric_kind": metric, "before": 1.05})
        for place, (service, metric) in enumerate(names)
    ]

    kept = pictures_of([series(*name, 5.0) for name in names], findings, WINDOW, ("s03", "m8"))

    assert len(kept) <= 8 * 4 + 4 + 1
    assert {one.service for one in kept} == {"s03", *(f"s{number:02}" for number in range(22, 30))}
    assert ("s03", "m8") in {(one.service, one.indicator) for one in kept}


def test_gaps_are_left_out_and_a_series_of_nothing_is_no_picture() -> None:
    holey = series("cart", "cpu", 5.0)
    holey.values[::2] = np.nan
    nothing = KpiSeries("db", "cpu", holey.times, np.full(holey.times.size, np.nan))
    findings = [finding("cart", "cpu"), finding("db", "cpu")]

    (kept,) = pictures_of([holey, nothing], findings, WINDOW, ("", ""))

    assert kept.service == "cart"
    assert np.all(np.isfinite(columns(kept)[1]))


def test_a_finding_without_its_series_draws_nothing() -> None:
    assert pictures_of([], [finding("cart", "cpu")], WINDOW, ("cart", "cpu")) == ()


@given(arrays(np.float64, st.integers(1, 2_000), elements=st.floats(-1e9, 1e9)))
def test_thinning_loses_no_peak_and_makes_nothing_up(values: FloatArray) -> None:
    places = thinned(values, 120)

    assert places.size <= 120
    assert np.all(np.diff(places) > 0)
    assert values[places].max() == values.max()
    assert values[places].min() == values.min()
    assert places[0] >= 0
    assert places[-1] < values.size


def test_the_latest_look_s_picture_of_a_metric_stands() -> None:
    (old,) = pictures_of([series("cart", "cpu", 5.0)], [finding("cart", "cpu")], WINDOW, ("", ""))
    new = old.model_copy(update={"unit": "s"})

    assert latest((old,), (new,)) == (new,)


def test_a_checkpoint_keeps_them_as_they_are() -> None:
    kept = pictures_of([series("cart", "cpu", 5.0)], [finding("cart", "cpu")], WINDOW, ("", ""))
    serializer = checkpoint_serializer()

    assert tuple(serializer.loads_typed(serializer.dumps_typed(kept))) == kept


async def test_a_report_draws_what_decided_with_the_change_and_the_alarm() -> None:
    data = bad_deploy()
    ports = ports_for(data)

    report = await run(data, ports)

    assert 1 <= len(report.figures) <= 4
    by_id = {one.event_id: one for one in published(ports) if isinstance(one, Evidence)}
    names = [(one.service, one.indicator) for one in report.figures]
    assert len(names) == len(set(names))
    assert report.figures[0].service == report.causes[0].service
    for one in report.figures:
        cited = by_id[one.evidence_id]
        assert (one.service, one.indicator) == (cited.service, cited.indicator)
        assert (one.caption, one.onset) == (cited.statement, cited.onset)
        assert one.alarm_at == report.alarmed_at
        assert _from_the_data(one, data.kpis)


async def test_what_is_the_cause_s_and_the_alarm_s_is_drawn_once() -> None:
    data = replace(bad_deploy(), alarm_service="cart", alarm_indicator="cpu_usage")

    report = await run(data, ports_for(data))

    names = [(one.service, one.indicator) for one in report.figures]
    assert ("cart", "cpu_usage") in names
    assert len(names) == len(set(names))


async def test_a_second_look_still_tells_when_the_first_alarm_came() -> None:
    data = bad_deploy()
    ports, request = ports_for(data), request_for(data)
    first = request.incident.alarms[0].started_at
    later = request.model_copy(update={"looked_until": first, "event_id": ""})

    outcome = await Investigations(ports.settings).investigate(later, ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.alarmed_at == first


async def test_the_first_alarm_came_when_it_was_raised_whenever_it_says_that_it_began() -> None:
    data = bad_deploy()
    ports, request = ports_for(data), request_for(data)
    raised = request.incident.opened_at
    (alarm,) = request.incident.alarms
    backdated = alarm.model_copy(update={"started_at": raised - timedelta(seconds=57)})
    incident = request.incident.model_copy(update={"alarms": (backdated,)})
    told = request.model_copy(update={"incident": incident})

    outcome = await Investigations(ports.settings).investigate(told, ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.alarmed_at == raised


def _from_the_data(one: ReportFigure, kpis: tuple[KpiSeries, ...]) -> bool:
    scale = 100.0 if one.unit == "%" else 1.0
    for known in kpis:
        if (known.service, known.metric) == (one.service, one.indicator):
            samples = dict(zip(known.times.tolist(), (known.values * scale).tolist(), strict=True))
            times = [(one.start + timedelta(seconds=offset)).timestamp() for offset in one.offsets_s]
            return all(samples.get(at) == value for at, value in zip(times, one.values, strict=True))
    return False


async def test_an_answer_from_memory_is_drawn_too() -> None:
    data = bad_deploy()
    first = ports_for(data)
    past = await run(data, first)
    ports = ports_for(data, history=MemoryHistory([past]))
    again = recurrence(data, past.investigation_id)
    outcome = await Investigations(ports.settings).investigate(again, ports)

    assert isinstance(outcome, Reported)
    assert outcome.report.recurrence_of == past.investigation_id
    assert outcome.report.figures


async def test_a_harmless_alarm_began_nowhere() -> None:
    data = healthy()

    report = await run(data, ports_for(data))

    assert report.verdict is Verdict.BENIGN
    assert report.began_at is None
    assert report.path == ()
    assert report.alarmed_at is not None


def test_what_the_findings_of_the_analysis_are_about_is_kept() -> None:
    data = bad_deploy()
    findings = analyse_kpis(data.kpis, data.window)

    kept = pictures_of(data.kpis, findings, data.window, (data.alarm_service, data.alarm_indicator))

    strongest = max(
        (one for one in findings if one.kind is not FindingKind.NORMAL), key=lambda one: one.score or 0.0
    )
    assert (strongest.service, strongest.indicator) in {(one.service, one.indicator) for one in kept}
