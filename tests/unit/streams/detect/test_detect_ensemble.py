"""What becomes of a series that leaves the others in the middle of a column, and comes back."""

from __future__ import annotations

import numpy as np
import pytest

from streams.detect.ensemble import Ensemble
from streams.detect.series import Series
from streams.detect.settings import DetectRules
from streams.detect.tables import Columns
from tests.unit.streams.detect.kpi_shapes import T0, times

DAY = 288


@pytest.mark.parametrize("at", range(9))
def test_the_daily_pattern_learns_once_from_a_block_behind_which_something_stands_out(at: int) -> None:
    """A sample far out that begins a block: its series leaves, and takes the turn by itself. Bins meet again after four days."""
    rules = DetectRules()
    values = 50 + 20 * np.sin(2 * np.pi * np.arange(5 * DAY) / DAY)
    values += np.random.default_rng(3).normal(0, 1, values.size)
    start_ms = T0 - T0 % 86_400_000
    values[4 * DAY + 60 + at] += 800
    together, alone = Ensemble(rules), Series(rules)
    slot = together.add()
    for number, (at_ms, value) in enumerate(zip(times(values.size, 300.0, start_ms), values, strict=True)):
        found = together.feed(
            Columns(np.array([slot]), np.ones(1, int), np.array([at_ms]), np.array([value]))
        )
        assert found.get(0, []) == alone.feed([at_ms], [float(value)]), number
    kept = together.rows.load(slot)
    assert kept.profile is not None
    assert alone.profile is not None
    np.testing.assert_array_equal(kept.profile.means, alone.profile.means)
