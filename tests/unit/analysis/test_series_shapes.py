"""Whether a shift climbs, or sticks to a ceiling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from agents.analysis.findings import CauseKind
from agents.analysis.shapes import plateau, trending
from agents.analysis.signals import FloatArray

NAN = math.nan


def known(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float64)


class TestTrending:
    @pytest.mark.parametrize("values", [range(8), range(8, 0, -1), [1, 2, 4, 8, 16, 32, 64, 128]])
    def test_a_steady_climb_or_fall_trends_whatever_its_curve(self, values: list[float]) -> None:
        assert trending(known(*values))

    @pytest.mark.parametrize("values", [range(7), [], [1.0] * 3])
    def test_too_few_samples_tell_nothing(self, values: list[float]) -> None:
        assert not trending(known(*values))

    def test_missing_samples_do_not_count_towards_eight(self) -> None:
        assert not trending(known(*range(7), NAN, NAN))
        assert trending(known(0, NAN, *range(1, 8)))

    @pytest.mark.parametrize(
        "values",
        [[5, 1, 4, 2, 5, 1, 3, 2, 4], [0, 1, 2, 3, 4, 3, 2, 1, 0], [3, 1, 2, 0, 7, 5, 4, 6, 9, 8, 2]],
    )
    def test_noise_and_a_hump_do_not_trend(self, values: list[float]) -> None:
        assert not trending(known(*values))

    @pytest.mark.parametrize(
        "values",
        [[5.0] * 12, [0.0] * 8, [*[10.0] * 6, *[15.0] * 6], [*[10.0] * 4, *[15.0] * 8], [*[1.0] * 11, 2.0]],
    )
    def test_flat_stretches_and_steps_do_not_trend(self, values: list[float]) -> None:
        assert not trending(known(*values))

    def test_a_climb_in_small_steps_trends(self) -> None:
        assert trending(known(1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6))
        assert trending(known(6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1))

    def test_a_little_disorder_is_still_a_trend(self) -> None:
        assert trending(known(0, 2, 1, 3, 5, 4, 6, 7, 8, 9))


class TestPlateau:
    def test_a_share_near_full_is_at_its_limit(self) -> None:
        assert plateau(CauseKind.DISK, "disk_used_ratio", known(0.5, 0.5), known(0.95, 0.96, 0.99))

    @pytest.mark.parametrize("values", [(0.94, 0.94, 0.94), (0.2, 0.99, 0.3), (1.2, 1.2, 1.2)])
    def test_a_share_below_or_beyond_its_limit_is_not(self, values: tuple[float, ...]) -> None:
        assert not plateau(CauseKind.CPU, "cpu_ratio", known(0.5), known(*values))

    def test_percent_have_a_hundred_for_limit(self) -> None:
        assert plateau(CauseKind.MEMORY, "memory_usage_pct", known(40.0), known(95.0, 97.0, 100.0))
        assert not plateau(CauseKind.MEMORY, "memory_usage_pct", known(40.0), known(80.0, 81.0, 90.0))
        assert not plateau(CauseKind.MEMORY, "memory_usage_pct", known(40.0), known(99.0, 100.0, 106.0))

    @pytest.mark.parametrize(
        ("unit", "expected"), [("", True), ("1", True), ("%", True), ("s", False), ("By", False)]
    )
    def test_what_has_a_dimension_is_no_share(self, unit: str, expected: bool) -> None:
        assert plateau(CauseKind.CPU, "cpu_usage", known(0.5), known(0.99, 0.99, 0.99), unit) is expected

    def test_the_past_tells_the_unit_too(self) -> None:
        assert not plateau(CauseKind.CPU, "cpu_usage", known(0.2, 60.0, 0.3), known(0.97, 0.98, 0.99))

    @pytest.mark.parametrize("metric", ["cpu_seconds", "memory_bytes", "disk_free"])
    def test_what_is_no_share_has_no_known_limit(self, metric: str) -> None:
        assert not plateau(CauseKind.CPU, metric, known(0.5), known(0.99, 0.99, 0.99))

    @pytest.mark.parametrize(
        "word", ["ratio", "pct", "Percent", "utilization", "utilisation", "USAGE", "rate"]
    )
    def test_a_share_is_told_by_its_name(self, word: str) -> None:
        assert plateau(CauseKind.CPU, f"cpu_{word}", known(0.5), known(0.99, 0.99, 0.99))

    @pytest.mark.parametrize(
        "kind", [CauseKind.NETWORK, CauseKind.LATENCY, CauseKind.ERRORS, CauseKind.UNKNOWN]
    )
    def test_other_kinds_are_never_full(self, kind: CauseKind) -> None:
        assert not plateau(kind, "some_ratio", known(0.5), known(0.99, 0.99, 0.99))

    def test_a_pool_stuck_at_a_new_height_is_full_whatever_its_name(self) -> None:
        assert plateau(
            CauseKind.SATURATION, "pool_in_use", known(5.0, 6.0, 9.0), known(20.0, 20.0, 20.0, 12.0)
        )

    def test_half_the_samples_must_stick_there(self) -> None:
        assert plateau(CauseKind.SATURATION, "pool", known(5.0), known(20.0, 20.0, 12.0, 11.0))
        assert not plateau(CauseKind.SATURATION, "pool", known(5.0), known(20.0, 12.0, 13.0, 11.0))

    def test_a_height_that_was_reached_before_is_no_ceiling(self) -> None:
        assert not plateau(CauseKind.SATURATION, "pool", known(5.0, 5.0, 20.0), known(20.0, 20.0, 20.0))

    def test_a_thousandth_below_the_top_is_at_the_top(self) -> None:
        assert plateau(CauseKind.SATURATION, "pool", known(5.0), known(1000.0, 999.0, 999.5, 500.0))
        assert not plateau(CauseKind.SATURATION, "pool", known(5.0), known(1000.0, 998.0, 998.0, 500.0))

    @pytest.mark.parametrize(
        ("before", "values"),
        [
            (known(0.5), known(0.99, 0.99)),
            (known(0.5), known(0.99, 0.99, NAN)),
            (known(), known(0.99, 0.99, 0.99)),
            (known(NAN), known(0.99, 0.99, 0.99)),
            (known(0.99), known(0.98, 0.98, 0.98)),
            (known(0.99), known(0.99, 0.99, 0.99)),
        ],
    )
    def test_too_few_samples_or_no_rise_is_no_plateau(self, before: FloatArray, values: FloatArray) -> None:
        assert not plateau(CauseKind.CPU, "cpu_ratio", before, values)
