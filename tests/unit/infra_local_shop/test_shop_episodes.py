"""When what happens: how a fault comes up and recedes, the harmless peak, and the oddity that explains nothing."""

from __future__ import annotations

import pytest

from infra.local.shop.episodes import Script, script
from infra.local.shop.faults import Fault, FaultKind
from infra.local.shop.stress import CALM, Stress
from infra.local.shop.topology import CALLERS, NOMINAL_RATE, SHOP

ODD = (Stress(cpu=0.1), Stress(gc_ms=8.0), Stress(slow=1.25), Stress(retransmits=1.0))


def fault(service: str = "cart", ramp_s: float = 10.0, kind: FaultKind = FaultKind.CPU_HOG) -> Fault:
    return Fault(kind, service, starts_s=30.0, ramp_s=ramp_s, strength=0.9)


@pytest.mark.parametrize(
    ("t", "level"),
    [(0, 0), (30, 0), (32.5, 0.25), (35, 0.5), (40, 1), (60, 1), (63, 0.5), (66, 0), (90, 0)],
)
def test_a_fault_rises_over_its_ramp_and_recedes_within_six_seconds(t: float, level: float) -> None:
    assert script(1, fault(), heal_at_s=60.0).level(t) == pytest.approx(level)


def test_a_fault_that_nobody_heals_stays() -> None:
    assert script(1, fault()).level(1e9) == 1.0


@pytest.mark.parametrize(("t", "level"), [(119.9, 0), (125, 0.5), (130, 1), (1e6, 1)])
def test_it_returns_for_good(t: float, level: float) -> None:
    assert script(1, fault(), heal_at_s=60.0, again_at_s=120.0).level(t) == pytest.approx(level, abs=0.02)


def test_a_fault_healed_while_it_comes_up_never_gets_further() -> None:
    told = script(1, fault(), heal_at_s=35.0)
    assert max(told.level(t / 10) for t in range(1000)) == pytest.approx(0.7, abs=0.21)
    assert told.level(35) == pytest.approx(0.5)
    assert told.level(42) == 0


def test_without_a_fault_there_is_no_level() -> None:
    assert [script(1, None).level(t) for t in (-100.0, 0.0, 50.0)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("t", "share"), [(19.9, 0), (21.5, 0.5), (23, 1), (80, 1), (81.5, 0.5), (83, 0), (200, 0)]
)
def test_the_harmless_peak_lasts_a_minute(t: float, share: float) -> None:
    under = script(1, None, harmless_at_s=20.0).stress(t)
    extra = under.get("recommendation", CALM).extra_rate
    assert extra == pytest.approx(1.1 * share * NOMINAL_RATE["recommendation"])
    assert set(under) <= {"recommendation"}


def odd_scripts(service: str = "cart", count: int = 200) -> list[Script]:
    told = [script(seed, fault(service)) for seed in range(count)]
    return [one for one in told if one.oddity is not None]


def test_about_a_third_of_the_seeds_have_an_oddity() -> None:
    assert 0.25 * 200 < len(odd_scripts()) < 0.45 * 200


def test_an_oddity_is_mild_and_of_every_sort() -> None:
    stresses = {one.oddity.stress for one in odd_scripts() if one.oddity}
    assert stresses == set(ODD)


@pytest.mark.parametrize("service", ["cart", "payment", "catalog", "user"])
def test_an_oddity_has_nothing_to_do_with_the_fault(service: str) -> None:
    below = {call.callee for call in SHOP[service].calls}
    for one in odd_scripts(service):
        assert one.oddity is not None
        odd = one.oddity.service
        assert odd not in {service, *CALLERS[service], *below}
        assert SHOP[odd].host != SHOP[service].host
        assert not SHOP[odd].store


def test_an_oddity_begins_around_the_fault_and_stays() -> None:
    for one in odd_scripts():
        assert one.oddity is not None
        starts = one.oddity.starts_s
        assert -10.0 <= starts <= 35.0
        assert one.oddity.service not in one.stress(starts - 0.1)
        assert one.stress(starts)[one.oddity.service] == one.oddity.stress
        assert one.oddity.service in one.stress(10_000)


def test_all_that_happens_at_once_is_under_stress_at_once() -> None:
    both = next(one for one in odd_scripts() if one.oddity and one.oddity.service != "recommendation")
    assert both.oddity is not None
    told = Script(both.fault, both.spells, 40.0, both.oddity)
    assert set(told.stress(60.0)) == {"cart", "recommendation", both.oddity.service}
