from __future__ import annotations

import pytest

from infra.local.shop.faults import FAULTS, FaultKind, choose_fault
from infra.local.shop.flow import NOMINAL
from infra.local.shop.topology import CALLERS, ENTRY, ENTRY_RATE, NOMINAL_RATE, SHOP, TOP_DOWN, shop_topology


def test_every_called_service_exists_and_is_placed_on_a_host() -> None:
    topology = shop_topology("acme")
    called = {callee for callees in topology.calls.values() for callee in callees}
    assert called | set(topology.calls) == set(SHOP) == set(topology.hosts)
    assert topology.tenant == "acme"


def test_callers_come_before_those_they_call() -> None:
    assert sorted(TOP_DOWN) == sorted(SHOP)
    for service in SHOP.values():
        for call in service.calls:
            assert TOP_DOWN.index(service.name) < TOP_DOWN.index(call.callee)
            assert service.name in CALLERS[call.callee]


def test_users_reach_every_service() -> None:
    assert NOMINAL_RATE[ENTRY] == ENTRY_RATE
    assert all(rate > 0 for rate in NOMINAL_RATE.values())


def test_a_pool_leads_to_a_service_that_is_called() -> None:
    for service in SHOP.values():
        if service.pooled:
            assert service.pooled in {call.callee for call in service.calls}


def test_nothing_is_near_its_limits_on_a_normal_day() -> None:
    for name, vitals in NOMINAL.items():
        assert vitals.cpu < 0.5, name
        assert vitals.errors < 0.01, name
        assert vitals.disk < 0.7, name
        assert vitals.pool < 0.5, name
        assert vitals.p50_ms < vitals.p95_ms < 10 * vitals.p50_ms, name


def test_a_caller_takes_longer_than_what_it_always_calls() -> None:
    for service in SHOP.values():
        always = sum(NOMINAL[c.callee].p50_ms * c.per_request for c in service.calls if c.per_request >= 1)
        assert NOMINAL[service.name].p50_ms > always


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_is_described_and_can_happen_to_several_services(kind: FaultKind) -> None:
    profile = FAULTS[kind]
    assert profile.description.endswith(".")
    assert len(set(profile.targets)) >= 4
    assert set(profile.targets) <= set(SHOP)


@pytest.mark.parametrize("kind", FaultKind)
def test_the_seed_decides_where_a_fault_strikes(kind: FaultKind) -> None:
    drawn = [choose_fault(kind, seed) for seed in range(30)]
    assert drawn == [choose_fault(kind, seed) for seed in range(30)]
    assert len({fault.service for fault in drawn}) >= 3
    assert all(fault.host == SHOP[fault.service].host for fault in drawn)
    assert all(20 <= fault.starts_s <= 35 and 0 < fault.strength <= 1 for fault in drawn)
    assert all(fault.expected_service == fault.service for fault in drawn)


def test_only_services_with_a_pool_can_run_out_of_connections() -> None:
    assert all(SHOP[name].pooled for name in FAULTS[FaultKind.CONNECTION_POOL].targets)


def test_a_noisy_neighbour_has_neighbours() -> None:
    for name in FAULTS[FaultKind.NOISY_NEIGHBOUR].targets:
        assert sum(s.host == SHOP[name].host for s in SHOP.values()) > 1
