"""The parameters of confidence are those that kept incidents give, and hold for collections they were not fitted to."""

from __future__ import annotations

import pytest

from agents.analysis.calibration import FITTED, Calibration, Example, fitted
from agents.evaluation.fitting import fits, reliability, together
from tests.bench.confidence import kept

EXAMPLES = kept()
EVERY = [one for own in EXAMPLES.values() for one in own]


def test_the_parameters_are_those_that_the_kept_incidents_give() -> None:
    by = fitted(EVERY)
    assert by.rivalry == pytest.approx(FITTED.rivalry, abs=1.0)
    assert by.doubt == pytest.approx(FITTED.doubt, abs=1.0)
    assert by.strength == pytest.approx(FITTED.strength, abs=1.0)
    today, best = reliability(EVERY), reliability(EVERY, by)
    assert today.brier is not None
    assert best.brier is not None
    assert today.brier <= best.brier + 0.005


def test_confidence_is_within_a_tenth_of_what_is_right() -> None:
    error = reliability(EVERY).error
    assert error is not None
    assert error <= 0.1


def test_so_it_is_for_collections_that_the_parameters_were_not_fitted_to() -> None:
    left_out = [fit.left_out for fit in fits(EXAMPLES).values()]
    assert len(left_out) >= 4
    apart = [
        abs((one.confidence or 0.0) - (one.accuracy or 0.0)) * one.count
        for fit in left_out
        for one in fit.bins
    ]
    assert sum(apart) / len(EVERY) <= 0.2


def test_a_collection_is_judged_by_the_others_alone() -> None:
    sure = [Example(4.0, 0.5, right=True)] * 30
    wrong = [Example(4.0, 0.5, right=False)] * 30
    found = fits({"a": sure, "b": wrong})
    assert found["a"].by == fitted(wrong)
    assert found["b"].by == fitted(sure)
    assert (found["a"].left_out.error or 0.0) > (found["a"].today.error or 0.0)
    assert fits({"a": sure})["a"].by == FITTED


def test_all_as_one_are_judged_by_the_others_parameters() -> None:
    error = together(EXAMPLES).error
    assert error is not None
    assert error <= 0.1
    sure = [Example(4.0, 0.5, right=True)] * 30
    alone = together({"a": sure, "b": sure[:10]})
    assert alone.count == 40
    assert alone.error == pytest.approx(reliability(sure, fitted(sure[:10])).error, abs=0.02)


def test_nobody_is_surer_than_verification_lets_him_be() -> None:
    certain = Calibration(rivalry=9.0, doubt=-9.0, strength=9.0)
    (last,) = [one for one in reliability([Example(9.0, 0.0, right=True)], certain).bins if one.count]
    assert last.confidence == pytest.approx(0.97)
