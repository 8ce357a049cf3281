"""On lines of services in which nothing is wrong, chance alone makes no verdict."""

from __future__ import annotations

from collections import Counter

import pytest

from agents.analysis import fusion
from agents.analysis.findings import Finding, FindingKind
from agents.analysis.fusion import rank_causes
from agents.analysis.log_mining.chance import ALONE
from agents.analysis.logs import analyse_logs
from agents.analysis.signals import Topology
from tests.fakes.healthy_logs import WINDOW, Shop, healthy_lines

DRAWS = 40


def findings(seed: int, shop: Shop) -> tuple[Finding, ...]:
    return analyse_logs(healthy_lines(seed, shop), WINDOW)


def is_abnormal(told: tuple[Finding, ...]) -> bool:
    return rank_causes(told, Topology(), "", "", frozenset()).abnormal


def test_what_makes_a_verdict_alone_is_what_the_fusion_takes_for_it() -> None:
    assert fusion._ALONE == ALONE


@pytest.mark.parametrize(
    "shop",
    [
        Shop(requests=80),
        Shop(requests=80, traced=False),
        Shop(requests=80, errors=0.1),
        Shop(services=12, requests=60, statements=6),
    ],
)
def test_healthy_lines_stay_below_a_verdict_in_nineteen_of_twenty_draws(shop: Shop) -> None:
    drawn = [findings(seed, shop) for seed in range(DRAWS)]
    alone = [
        told
        for told in drawn
        if any((one.score or 0.0) >= ALONE for one in told if one.kind is not FindingKind.NORMAL)
    ]
    assert len(alone) <= DRAWS // 20
    assert sum(map(is_abnormal, drawn)) <= DRAWS // 20


def test_a_calm_service_scores_below_what_is_notable() -> None:
    told = [one for seed in range(5) for one in findings(seed, Shop(requests=60))]
    calm = [one for one in told if one.kind is FindingKind.NORMAL]
    assert len(calm) >= 10
    assert all(0 <= (one.score or 0.0) < 1 for one in calm)


def test_a_line_that_stops_among_the_same_lines_is_seen() -> None:
    healthy = healthy_lines(3, Shop())
    often = Counter(one.message[:11] for one in healthy if one.service == "service-2").most_common(1)[0][0]
    lines = [
        one
        for one in healthy
        if one.time < WINDOW.alarm_at - 60 or one.service != "service-2" or one.message[:11] != often
    ]
    told = findings(3, Shop())
    broken = analyse_logs(lines, WINDOW)
    assert max(one.score or 0.0 for one in told) < ALONE
    assert (broken[0].service, broken[0].direction) == ("service-2", -1)
    assert str(broken[0].data["template"]).startswith(often)
    assert (broken[0].score or 0.0) >= ALONE
    assert is_abnormal(broken)
