"""Labels, ranks and accuracies: the definitions of the usual benchmarks, worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.evaluation.results import CaseResult
from agents.evaluation.scoring import scored
from agents.evaluation.truth import Truth, accuracy, rank_of, read_truth
from schemas.errors import InvalidRequestError

TRUTH = Truth("set", "db", frozenset({"db_cpu"}), frozenset({"db", "web", "cart"}))


def label(folder: Path, **fields: object) -> Path:
    case = folder / "sets" / "one"
    case.mkdir(parents=True)
    (case / "case.json").write_text(json.dumps(fields))
    return case


def test_the_label_of_a_case(tmp_path: Path) -> None:
    case = label(
        tmp_path,
        dataset="d",
        root_cause_service="db",
        root_cause_indicator="db_cpu",
        candidates=["db", "web"],
        fault_type="cpu",
    )
    assert read_truth(case) == Truth("d", "db", frozenset({"db_cpu"}), frozenset({"db", "web"}), "cpu")


def test_several_accepted_indicators_stand_before_a_single_one(tmp_path: Path) -> None:
    case = label(
        tmp_path, root_cause_service="db", accepted_indicators=["a_b", "c_d"], root_cause_indicator="e_f"
    )
    assert read_truth(case).indicators == {"a_b", "c_d"}
    assert read_truth(case).dataset == "sets"


def test_a_case_without_an_indicator_has_none(tmp_path: Path) -> None:
    assert read_truth(label(tmp_path, root_cause_service="db")).indicators == frozenset()


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"root_cause_indicator": "a_b"}'])
def test_a_case_without_a_label_says_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "case.json").write_text(text)
    with pytest.raises(InvalidRequestError, match="root_cause_service"):
        read_truth(tmp_path)


def test_a_folder_without_a_case_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError):
        read_truth(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("guesses", "rank"),
    [(["a", "x"], 2), (["x"], 1), (["a", "a", "x"], 2), (["a", "b"], None), ([], None)],
)
def test_repeats_take_no_place(guesses: list[str], rank: int | None) -> None:
    assert rank_of(frozenset({"x", "y"}), guesses) == rank


def test_accuracy_by_hand() -> None:
    found = accuracy([1, 2, None, 4, 7])
    assert found is not None
    assert (found.cases, found.ac1, found.ac3, found.ac5) == (5, 0.2, 0.4, 0.6)
    assert found.avg5 == pytest.approx((0.2 + 0.4 + 0.4 + 0.6 + 0.6) / 5)
    assert found.mrr == pytest.approx((1 + 1 / 2 + 1 / 4 + 1 / 7) / 5)


def test_over_no_cases_nothing_is_known() -> None:
    assert accuracy([]) is None


def test_who_may_not_be_named_takes_no_place() -> None:
    result = scored(CaseResult(case="s/one", dataset="s"), ["host-1", "web", "db"], ["x", "db_cpu"], TRUTH)
    assert (result.rank, result.indicator_rank, result.truth, result.dataset) == (2, 2, "db", "set")


def test_a_case_without_candidates_allows_everybody() -> None:
    anyone = Truth("set", "db", frozenset(), frozenset())
    result = scored(CaseResult(case="s/one", dataset="s"), ["host-1", "db"], ["x"], anyone)
    assert result.rank == 2
    assert not result.indicator_scored


def test_what_was_not_answered_is_a_miss() -> None:
    result = scored(CaseResult(case="s/one", dataset="s", error="broken"), (), (), TRUTH)
    assert result.scored
    assert result.rank is None
    assert result.indicator_rank is None
