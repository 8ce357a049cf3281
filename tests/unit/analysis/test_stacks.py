"""Grids whose samples fall alike into the window, measured as one."""

from __future__ import annotations

import numpy as np
import pytest

from agents.analysis.earlier_days import DAY_S
from agents.analysis.grids import Grid, grids_of
from agents.analysis.kpi import analyse_kpis
from agents.analysis.shifts import measured, measured_together
from agents.analysis.signals import KpiSeries, Window
from agents.analysis.spread import spreads
from agents.analysis.stacks import Stack, stacked

START = 1_000_000.0
WINDOW = Window(START, START + 7_200.0, START + 9_000.0, START + 7_500.0)
STEP = 30.0


def made(number: int, seed: int, *, window: Window = WINDOW, days: int = 0) -> list[KpiSeries]:
    """Series each with times of its own, of which some rise or swing in the incident and some have holes."""
    rng = np.random.default_rng(seed)
    every = np.arange(START - days * DAY_S, window.end, STEP)
    found = []
    for place in range(number):
        times = every + rng.uniform(0.0, STEP)
        values = rng.normal(100.0, 3.0, times.size)
        late = times >= window.start + 60.0
        if place % 3 == 0:
            values[late] *= 1.5
        if place % 4 == 1:
            values[late] = 100.0 + 15.0 * (values[late] - 100.0)
        if place % 5 == 2:
            values[rng.random(times.size) < 0.1] = np.nan
        found.append(KpiSeries(f"service-{place % 6}", f"cpu_{place}", times, values))
    return found


def rows_of(stacks: list[Stack]) -> list[tuple[str, str]]:
    return [(grid.series[row].service, grid.series[row].metric) for one in stacks for grid, row in one.places]


def whole(grids: list[Grid]) -> list[tuple[Grid, range]]:
    return [(grid, range(len(grid.series))) for grid in grids]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("disturbed", [(), ((START + 1_000.0, START + 1_510.0),)])
def test_together_each_is_measured_to_the_last_bit_as_by_itself(
    seed: int, disturbed: tuple[tuple[float, float], ...]
) -> None:
    window = Window(
        WINDOW.baseline_start, WINDOW.start, WINDOW.end, WINDOW.alarm_at + 7.0 * seed, disturbed=disturbed
    )
    grids = grids_of(made(40, seed, window=window))
    assert len(stacked(whole(grids), window)) < len(grids) / 2

    assert measured_together(grids, window) == [shift for grid in grids for shift in measured(grid, window)]


@pytest.mark.parametrize("seed", range(4))
def test_together_each_varies_to_the_last_bit_as_by_itself(seed: int) -> None:
    grids = grids_of(made(40, seed))
    apart = {
        (id(grid), one.row): (one.before, one.after, one.score, one.start)
        for grid in grids
        for one in spreads(grid, [0], WINDOW)
    }
    together = {}
    for stack in stacked(whole(grids), WINDOW):
        for one in spreads(stack.grid, range(len(stack.places)), WINDOW):
            grid, row = stack.places[one.row]
            together[id(grid), row] = (one.before, one.after, one.score, one.start)
    assert any(score >= 1.0 for _, _, score, _ in apart.values())
    assert together == apart


def test_a_finding_tells_the_times_of_its_own_series() -> None:
    kpis = made(40, 5)
    times = {one.metric: one.times for one in kpis}
    found = [one for one in analyse_kpis(kpis, WINDOW) if one.onset is not None]
    assert {one.kind.value for one in found} >= {"level_shift", "variance_change"}
    assert all(one.onset in times[one.indicator] for one in found)


def test_every_row_is_in_one_stack_and_grids_of_other_places_are_in_others() -> None:
    grids = grids_of(made(30, 1))
    halves = grids_of(
        [KpiSeries(one.service, f"{one.metric}_h", one.times[::2], one.values[::2]) for one in made(10, 2)]
    )
    stacks = stacked(whole([*grids, *halves]), WINDOW)
    sizes = [{grid.times.size for grid, _ in one.places} for one in stacks]
    assert all(len(of) == 1 for of in sizes)
    assert sorted(rows_of(stacks)) == sorted(rows_of([Stack(g, ((g, 0),)) for g in (*grids, *halves)]))


def test_only_the_named_rows_are_taken() -> None:
    times = np.arange(START, WINDOW.end, STEP)
    first, second = (
        KpiSeries("cart", name, times, np.full(times.size, level)) for name, level in (("a", 1.0), ("b", 2.0))
    )
    (grid,) = grids_of([first, second])
    (stack,) = stacked([(grid, [1])], WINDOW)
    assert stack.grid.series == (second,)
    assert set(stack.grid.values[0].tolist()) == {2.0}
    assert stack.places == ((grid, 1),)


def test_what_holds_the_day_before_is_alone() -> None:
    grids = grids_of(made(8, 3, days=1))
    assert len(stacked(whole(grids), WINDOW)) == len(grids) == 8
    assert measured_together(grids, WINDOW) == [shift for grid in grids for shift in measured(grid, WINDOW)]


def test_without_a_grid_there_is_no_stack() -> None:
    assert stacked([], WINDOW) == []
