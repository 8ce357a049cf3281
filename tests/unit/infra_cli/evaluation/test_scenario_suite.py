"""The suite as declared: what the issue asks for is there, and every seed casts it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from agents.analysis.findings import CauseKind
from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.incident import seed_of
from infra.cli.evaluation.suite import SCENARIOS
from infra.local.shop.faults import FaultKind
from infra.local.shop.staging import Role, stage
from schemas.events import Verdict

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
GROUPS = {
    "one fault": 10,
    "red herring": 5,
    "several faults": 3,
    "healthy": 6,
    "missing metrics": 3,
    "missing logs": 3,
    "unreachable source": 3,
    "missing topology": 2,
    "late alarm": 3,
    "clock skew": 3,
    "flapping": 2,
    "maintenance window": 2,
    "time of day": 4,
    "injection": 2,
}


def named(scenario: Scenario) -> str:
    return scenario.name


def test_there_are_at_least_forty_and_no_two_have_a_name() -> None:
    names = [one.name for one in SCENARIOS]
    assert len(names) >= 40
    assert len(set(names)) == len(names)


def test_every_group_is_there_with_enough_of_its_kind() -> None:
    counted = Counter(one.group for one in SCENARIOS)
    assert set(counted) == set(GROUPS)
    assert all(counted[group] >= least for group, least in GROUPS.items())


def test_every_fault_of_the_shop_and_every_kind_of_cause_is_there() -> None:
    happening = {one.what for scenario in SCENARIOS for one in scenario.happens}
    assert happening >= set(FaultKind)
    asked = {kind for one in SCENARIOS if one.group == "one fault" for kind in one.expect.causes}
    assert asked >= set(CauseKind) - {CauseKind.UNKNOWN}


def test_where_nothing_happens_nobody_is_expected_and_the_other_way_round() -> None:
    for one in SCENARIOS:
        blind = Verdict.CAUSE_FOUND not in one.expect.verdicts
        assert bool(one.expect.causes) is not blind, one.name
        assert (one.group == "healthy") <= blind, one.name


@pytest.mark.parametrize("scenario", SCENARIOS, ids=named)
def test_everybody_an_expectation_names_is_in_the_cast_of_any_seed(scenario: Scenario) -> None:
    expect = scenario.expect
    shown = [one.of for one in expect.evidence if one.of is not None]
    causes = expect.of if expect.causes else ()
    for seed in range(1, 8):
        cast = stage(scenario.happens, seed_of(scenario, seed), "acme", START).cast
        assert {*causes, *expect.also, *expect.innocent, *shown} <= set(cast)
        assert not {cast[role] for role in causes} & {cast[role] for role in expect.innocent}


def test_each_scenario_and_seed_is_a_draw_of_its_own() -> None:
    draws = [seed_of(one, seed) for one in SCENARIOS for seed in range(20)]
    assert len(set(draws)) == len(draws)


def test_the_seeds_do_not_all_draw_the_same_culprit() -> None:
    for scenario in SCENARIOS:
        if scenario.happens and scenario.expect.causes and scenario.expect.of[0] is Role.CULPRIT:
            cast = [
                stage(scenario.happens, seed_of(scenario, seed), "acme", START).cast[Role.CULPRIT]
                for seed in range(12)
            ]
            assert len(set(cast)) > 1, scenario.name
