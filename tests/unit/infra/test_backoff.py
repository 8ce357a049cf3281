from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from infra.local.backoff import RestartPolicy


@given(failures=st.integers(0, 10_000), seed=st.integers())
def test_a_delay_lies_between_half_of_its_step_and_the_step(failures: int, seed: int) -> None:
    policy = RestartPolicy(base_s=0.25, cap_s=15.0)
    step = min(15.0, 0.25 * 2 ** min(failures, 60))

    delay = policy.delay_s(failures, random.Random(seed))

    assert step / 2 <= delay <= step


def test_equal_seeds_give_equal_delays() -> None:
    policy = RestartPolicy()

    def delays(seed: int) -> list[float]:
        rng = random.Random(seed)
        return [policy.delay_s(n, rng) for n in range(8)]

    assert delays(7) == delays(7)
    assert delays(7) != delays(8)


def test_delays_double_until_the_cap() -> None:
    class _NoJitter(random.Random):
        def random(self) -> float:
            return 1.0

    policy = RestartPolicy(base_s=1.0, cap_s=10.0)

    assert [policy.delay_s(n, _NoJitter()) for n in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
