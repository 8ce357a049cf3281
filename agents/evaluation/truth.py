"""The labels of recorded cases, and how well ranked guesses hit them. Read only after every case has been answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import InvalidRequestError
from schemas.events.base import Record

__all__ = ["Accuracy", "Truth", "accuracy", "rank_of", "read_truth"]

_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Truth:
    """Who was the cause in one case; `indicators` are accepted as `<service>_<metric>`, empty where none is labelled."""

    dataset: str
    service: str
    indicators: frozenset[str]
    candidates: frozenset[str]
    fault: str = ""


class Accuracy(Record):
    """AC@k: the share of cases whose cause is among the first k guesses; Avg@5: the mean of AC@1 to AC@5."""

    cases: int
    ac1: float
    ac3: float
    ac5: float
    avg5: float
    mrr: float
    """Mean reciprocal rank; a miss counts 0."""


def read_truth(folder: Path) -> Truth:
    """Read the labels of one case. Blocks on the file system.

    Raises:
        InvalidRequestError: the case cannot be read, or has no label.
    """
    path = folder / "case.json"
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        service = str(raw["root_cause_service"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequestError(
            f"{path} tells no root_cause_service", cure="Leave --score out: these cases have no labels."
        ) from error
    labelled = raw.get("accepted_indicators") or [raw.get("root_cause_indicator")]
    return Truth(
        dataset=str(raw.get("dataset") or folder.resolve().parent.name),
        service=service,
        indicators=frozenset(str(one) for one in labelled if one),
        candidates=frozenset(map(str, raw.get("candidates") or ())),
        fault=str(raw.get("fault_type") or ""),
    )


def rank_of(truths: frozenset[str], guesses: Iterable[str]) -> int | None:
    """Return the place, from 1, of the first guess that is true; None where there is none. Repeats take no place."""
    ordered = dict.fromkeys(guesses)
    return next((place for place, guess in enumerate(ordered, 1) if guess in truths), None)


def accuracy(ranks: Sequence[int | None]) -> Accuracy | None:
    """Return the accuracy over the cases' ranks; None over no cases."""
    if not ranks:
        return None
    many = len(ranks)
    hit = [sum(rank is not None and rank <= depth for rank in ranks) / many for depth in range(1, _DEPTH + 1)]
    return Accuracy(
        cases=many,
        ac1=hit[0],
        ac3=hit[2],
        ac5=hit[4],
        avg5=sum(hit) / _DEPTH,
        mrr=sum(1 / rank for rank in ranks if rank) / many,
    )
