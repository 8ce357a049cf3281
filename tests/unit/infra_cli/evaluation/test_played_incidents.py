"""Scenarios played: the window, the alarm that opened it, and the expectation with names in it."""

from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.findings import Source
from infra.cli.evaluation.incident import BASELINE_S, LEAD_S, OBSERVE_S, PlayedIncident, play
from infra.cli.evaluation.suite import SCENARIOS
from infra.local.shop.staging import Role, above
from schemas.events import Verdict

BY_NAME = {one.name: one for one in SCENARIOS}


def played(name: str, seed: int = 1) -> PlayedIncident:
    return play(BY_NAME[name], seed)


def test_the_same_arguments_are_the_same_incident_and_another_seed_is_another() -> None:
    one, again, other = played("disk-full"), played("disk-full"), played("disk-full", seed=2)
    assert one.cast == again.cast
    assert one.data.window == again.data.window
    assert one.data.logs == again.data.logs
    for series, same in zip(one.data.kpis, again.data.kpis, strict=True):
        assert np.array_equal(series.values, same.values)
    assert one.data.logs != other.data.logs


def test_an_alarm_opens_it_and_the_window_is_that_of_an_installation() -> None:
    incident = played("cpu-hog")
    window, opening = incident.data.window, incident.data.alarms
    assert incident.alarmed
    assert window.start == window.alarm_at - LEAD_S
    assert window.baseline_start == window.start - BASELINE_S
    assert window.end == window.alarm_at + OBSERVE_S
    assert window.alarm_at in {one.time for one in opening if one.service == incident.data.alarm_service}
    assert all(one.time <= window.end for one in opening)


def test_there_is_data_for_the_whole_window() -> None:
    incident = played("memory-leak")
    assert incident.data.kpis
    for series in incident.data.kpis:
        assert series.times[0] <= incident.data.window.baseline_start
        assert series.times[-1] >= incident.data.window.end


def test_without_an_alarm_somebody_asks_at_the_entry() -> None:
    incident = played("unwatched")
    assert not incident.alarmed
    assert incident.data.alarm_service == "web-frontend"
    assert incident.data.alarms == ()


def test_a_late_alarm_looks_at_a_later_window() -> None:
    incident = played("two-minutes-late")
    first = min(one.time for one in incident.data.alarms if not one.cleared)
    assert incident.data.window.alarm_at - first >= 99.0
    assert max(series.times[-1] for series in incident.data.kpis) >= incident.data.window.end


@pytest.mark.parametrize("name", ["culprit-behind", "victim-behind"])
def test_an_alarm_of_a_clock_that_is_behind_still_opens_it(name: str) -> None:
    for seed in (1, 2, 3):
        incident = played(name, seed)
        assert incident.alarmed
        assert incident.expected.causes[0].service == incident.cast[Role.CULPRIT]


def test_an_alarmed_caller_of_the_culprit_is_to_be_ruled_out() -> None:
    incidents = [played("slow-dependency", seed) for seed in range(1, 5)]
    for one in incidents:
        culprit, alarmed = one.cast[Role.CULPRIT], one.data.alarm_service
        assert one.expected.cleared == ((alarmed,) if alarmed in above(culprit) else ())
    assert any(one.expected.cleared for one in incidents)


def test_names_stand_where_roles_stood() -> None:
    expected = played("innocent-deploy").expected
    cast = played("innocent-deploy").cast
    assert [one.service for one in expected.causes] == [cast[Role.CULPRIT]]
    assert {one.service for one in expected.forbidden} == {cast[Role.HERRING], "web-frontend"}
    assert {one.service for one in expected.evidence} == {cast[Role.CULPRIT]}


def test_where_nothing_is_wrong_nobody_is_expected() -> None:
    expected = played("calm").expected
    assert expected.healthy
    assert expected.causes == ()


def test_what_does_not_answer_is_told_to_the_ports() -> None:
    assert played("metrics-away").unreachable == {Source.KPIS}
    everything = played("everything-away")
    assert everything.unreachable == set(Source)
    assert everything.expected.verdicts == {Verdict.DATA_UNAVAILABLE}
    assert not everything.expected.healthy


def test_an_alarm_by_another_clock_is_told_when_it_is_raised() -> None:
    behind, ours = played("victim-behind"), played("slow-dependency")
    ahead = played("culprit-ahead")

    assert behind.told_at - behind.data.window.alarm_at == 30.0
    assert ours.told_at == ours.data.window.alarm_at
    assert ahead.told_at == ahead.data.window.alarm_at
    assert ahead.data.alarm_service != ahead.cast[Role.CULPRIT]


def test_a_repeat_of_an_alarm_that_fired_before_opens_nothing() -> None:
    repeated = played("maintenance-elsewhere", seed=3)
    opening = repeated.data.window.alarm_at
    opened = {(one.service, one.name) for one in repeated.data.alarms if one.time == opening}
    earlier = {
        (one.service, one.name) for one in repeated.data.alarms if one.time < opening and not one.cleared
    }

    assert earlier
    assert opened - earlier


def test_earlier_days_are_measured_at_the_same_time_and_have_their_own_noise() -> None:
    incident = played("no-rush-on-a-day-off")
    start, end = incident.data.window.baseline_start, incident.data.window.end
    (rate,) = (
        one for one in incident.data.kpis if (one.service, one.metric) == ("web-frontend", "request_rate")
    )
    assert rate.landed is not None
    assert rate.landed.size == rate.times.size
    assert np.all(np.diff(rate.times) > 0)
    risen = {}
    for ago in (0, 1, 2, 7):
        day = (rate.times >= start - ago * 86_400) & (rate.times <= end - ago * 86_400)
        assert day.sum() > 300
        values = rate.values[day]
        risen[ago] = float(np.median(values[-15:]) / np.median(values[:300]))
    assert risen[1] > 1.5 < risen[2]
    assert risen[0] < 1.2 > risen[7]


def test_somebodys_own_rule_opens_it() -> None:
    incident = played("rush-stays-away")
    (raised,) = (one for one in incident.data.alarms if one.name == "OrdersBelowPlan")
    assert incident.data.window.alarm_at == raised.time
    assert raised.service == incident.data.alarm_service == "web-frontend"
    assert raised.detail == "web-frontend: fewer orders than planned for this hour"
