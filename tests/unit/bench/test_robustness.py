from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from agents.evaluation.cases import Case
from agents.evaluation.truth import Truth
from tests.bench.disturbances import DISTURBANCES
from tests.bench.robustness import Hit, first_right, table, variants
from tests.fakes.incident_data import bad_deploy, empty

CASE = Case("made-up/bad-deploy", bad_deploy())
CHANCE = np.random.default_rng(3)


def disturbed(name: str) -> Case:
    return next(iter(variants(CASE, DISTURBANCES[name])))


def test_as_recorded_is_the_incident_itself() -> None:
    assert [one.data for one in variants(CASE, DISTURBANCES["as recorded"])] == [CASE.data]


def test_what_an_incident_does_not_have_is_not_taken_from_it() -> None:
    assert list(variants(CASE, DISTURBANCES["no calls recorded"])) == []
    bare = Case("made-up/empty", replace(empty(), alarms=()))
    asked = {name for name, one in DISTURBANCES.items() if list(variants(bare, one))}
    assert asked == {"as recorded"}


def test_what_is_taken_is_gone_and_the_rest_is_as_it_was() -> None:
    assert disturbed("no topology told").data.topology.calls == {}
    assert disturbed("no logs").data == replace(CASE.data, logs=())
    assert disturbed("half of the past").data.window.baseline_start > CASE.data.window.baseline_start
    thin = disturbed("every second sample").data.kpis
    assert [2 * one.times.size for one in thin] == pytest.approx(
        [k.times.size for k in CASE.data.kpis], abs=1
    )


def test_about_a_fifth_of_the_series_is_missing_each_time_another() -> None:
    drawn = list(variants(CASE, DISTURBANCES["a fifth of the series missing"]))
    kept = [{(k.service, k.metric) for k in one.data.kpis} for one in drawn]
    assert len(kept) == 3
    assert kept[0] != kept[1]
    assert all(8 <= len(one) < 20 for one in kept)


def test_the_alarm_that_all_begins_with_stays() -> None:
    for _ in range(50):
        data = DISTURBANCES["a fifth of the alarms missing"].made(CASE.data, CHANCE)
        assert CASE.data.window.alarm_at in [one.time for one in data.alarms]


def test_noise_leaves_the_level() -> None:
    for before, after in zip(CASE.data.kpis, disturbed("5 % of noise more").data.kpis, strict=True):
        assert float(np.median(after.values)) == pytest.approx(float(np.median(before.values)), rel=0.05)
        assert np.std(after.values - before.values) > 0


@pytest.mark.parametrize(
    ("candidates", "service", "right"),
    [
        (frozenset(), "cart", True),
        (frozenset(), "frontend", False),
        (frozenset({"frontend"}), "frontend", True),
        (frozenset({"cart", "payment"}), "payment", False),
    ],
)
async def test_only_who_may_be_named_counts(candidates: frozenset[str], service: str, right: bool) -> None:
    truth = Truth("made-up", service, frozenset(), candidates)
    assert await first_right(CASE, truth) is right


def test_the_table_has_a_row_a_disturbance_and_tells_what_was_not_asked() -> None:
    untouched = Hit(1.0, touched=False)
    hits = {
        ("as recorded", "b"): [Hit(1.0), Hit(0.0)],
        ("as recorded", "a"): [Hit(1.0)],
        ("no logs", "b"): [untouched, Hit(0.0)],
        ("no logs", "a"): [untouched],
    }
    lines = list(table(hits))
    assert lines[0] == "| | a | b |"
    assert lines[2] == "| as recorded | 1.000 | 0.500 |"
    assert "| no logs | - | 0.500 |" in lines
    assert len(lines) == 2 + len(DISTURBANCES)
