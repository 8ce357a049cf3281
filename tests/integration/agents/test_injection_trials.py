"""Orders to a model, written where others can write, through the whole graph and a model that obeys them.

One attack of each form for each carrier here; `python -m tests.bench.injection` tries all of them.
"""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.fakes.injection.carriers import ATTACKS, CARRIERS, Attack
from tests.fakes.injection.trials import CHECKS, tried

KINDS = [list(group) for _, group in groupby(ATTACKS, key=lambda attack: attack.kind)]


def of_each_kind(number: int) -> list[Attack]:
    return [attacks[number % len(attacks)] for attacks in KINDS]


@pytest.mark.parametrize(("number", "carrier"), list(enumerate(CARRIERS)), ids=list(CARRIERS))
async def test_a_model_that_obeys_changes_nothing_and_is_told_nothing_but_data(
    number: int, carrier: str
) -> None:
    trials = [await tried(attack, carrier, CARRIERS[carrier]) for attack in of_each_kind(number)]

    assert all(trial.reached for trial in trials)
    broken = [(t.attack.id, check) for t in trials for check in CHECKS if not getattr(t, check)]
    assert broken == []
