"""The confidence of the first cause: the formula by hand, and what its three parameters are fitted from."""

from __future__ import annotations

import math

import pytest

from agents.analysis.calibration import FITTED, UNTIED, Calibration, Example, confidences, fitted

PLAIN = Calibration(rivalry=2.0, doubt=0.0, strength=1.0)


@pytest.mark.parametrize(
    ("scores", "sure"),
    [
        ([1.0], 1 / 2),
        ([4.0], 1 / (1 + 1 / 4)),
        ([4.0, 2.0], 1 / (1 + 1 / 2 * 1 / 4 + 1 / 4)),
        ([4.0, 4.0], 1 / (1 + 1 / 2 + 1 / 4)),
        ([4.0, 2.0, 2.0, 2.0], 1 / (1 + 1 / 2 * 1 / 4 + 1 / 4)),
    ],
)
def test_the_first_is_as_sure_as_it_is_strong_and_ahead(scores: list[float], sure: float) -> None:
    assert confidences(scores, PLAIN)[0] == pytest.approx(sure)


def test_doubt_is_the_odds_of_the_unseen_at_a_strength_of_one() -> None:
    doubtful = Calibration(rivalry=2.0, doubt=math.log(3.0), strength=1.0)
    assert confidences([1.0], doubtful) == [pytest.approx(1 / 4)]


def test_the_others_have_their_share_of_what_the_first_leaves() -> None:
    first, second, third = confidences([4.0, 2.0, 1.0], PLAIN)
    assert [second, third] == pytest.approx([first / 8, first / 32])


def test_many_rivals_share_no_more_than_there_is() -> None:
    told = confidences([4.0] * 50, PLAIN)
    assert sum(told) == pytest.approx(1.0)
    assert told[0] > 25 * told[1]
    assert len(set(told[1:])) == 1


def test_who_is_not_tied_is_half_as_sure_and_the_others_no_surer_than_that() -> None:
    scores = [4.0, 3.9, 1.0]
    plain = confidences(scores)
    assert confidences(scores, tied=[True, True, True]) == plain
    first, *rest = confidences(scores, tied=[False, True, True])
    assert first == pytest.approx(UNTIED * plain[0])
    assert rest == [min(first, one) for one in plain[1:]]
    tied, untied, last = confidences(scores, tied=[True, False, True])
    assert tied == plain[0]
    assert untied == pytest.approx(UNTIED * plain[1])
    assert last == min(untied, plain[2])


def test_of_two_that_are_close_and_untied_no_other_is_made_surer() -> None:
    assert confidences([4.0, 4.0], tied=[False, True])[1] <= confidences([4.0, 4.0])[1]


@pytest.mark.parametrize("scores", [[], [0.0], [0.0, 0.0], [1e-9, 0.0]])
def test_nothing_found_is_no_confidence(scores: list[float]) -> None:
    assert confidences(scores) == [0.0 for _ in scores]


def test_the_strongest_there_is_does_not_overflow() -> None:
    assert confidences([1e6, 1e-300])[0] <= 1.0


def seen(first: float, second: float, right: int, wrong: int) -> list[Example]:
    return [Example(first, second, right=True)] * right + [Example(first, second, right=False)] * wrong


def test_the_fit_finds_how_often_the_examples_were_right() -> None:
    pairs = [(0.5, 0.0), (1.0, 0.2), (2.0, 1.0), (2.0, 1.8), (3.0, 0.9), (4.0, 2.8), (4.0, 4.0)]
    true = [confidences(pair, PLAIN)[0] for pair in pairs]
    rights = [round(1000 * share) for share in true]
    examples = [e for pair, n in zip(pairs, rights, strict=True) for e in seen(*pair, n, 1000 - n)]
    got = fitted(examples, FITTED)
    assert [confidences(pair, got)[0] for pair in pairs] == pytest.approx(true, abs=0.015)


def test_without_examples_the_start_stays() -> None:
    assert fitted([], PLAIN) == PLAIN


def test_a_few_examples_move_it_a_little() -> None:
    got = fitted(seen(2.0, 1.0, 0, 2), PLAIN)
    assert confidences([2.0, 1.0], got)[0] < confidences([2.0, 1.0], PLAIN)[0]
    assert all(abs(a - b) < 1.5 for a, b in zip(_of(got), _of(PLAIN), strict=True))


def test_no_power_is_negative() -> None:
    # The weaker and the closer, the more often right: nothing a cause may be punished for.
    got = fitted([*seen(1.0, 1.0, 200, 0), *seen(4.0, 0.0, 0, 200)], PLAIN)
    assert min(got.rivalry, got.strength) >= 0.0


def test_the_fit_does_not_depend_on_order() -> None:
    examples = [*seen(2.0, 1.0, 5, 3), *seen(1.0, 0.2, 2, 6)]
    assert fitted(examples) == fitted(examples[::-1])


def _of(one: Calibration) -> tuple[float, ...]:
    return one.rivalry, one.doubt, one.strength
