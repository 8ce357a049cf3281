"""How well the parameters of confidence fit collections of judged incidents, and each collection that they were not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.analysis.calibration import FITTED, Calibration, Example, confidences, fitted
from agents.evaluation.calibration import Calibration as Reliability
from agents.evaluation.calibration import calibration
from agents.investigation.verification import CALIBRATED

__all__ = ["Fit", "fits", "reliability", "together"]


@dataclass(frozen=True, slots=True)
class Fit:
    """One collection: how reliable confidences are by today's parameters, and by those fitted to the other collections."""

    today: Reliability
    left_out: Reliability
    by: Calibration


def fits(collections: Mapping[str, Sequence[Example]]) -> dict[str, Fit]:
    """Return the fit of each collection; of a single one there are no others, and the prior stands."""
    found = {}
    for name, own in collections.items():
        others = [one for other, theirs in collections.items() if other != name for one in theirs]
        by = fitted(others)
        found[name] = Fit(reliability(own), reliability(own, by), by)
    return found


def together(collections: Mapping[str, Sequence[Example]]) -> Reliability:
    """Return the fit of all collections as one, each judged by the parameters fitted to the others."""
    by = {name: fit.by for name, fit in fits(collections).items()}
    return calibration([one for name, own in collections.items() for one in _told(own, by[name])])


def reliability(examples: Sequence[Example], by: Calibration = FITTED) -> Reliability:
    """Return how well the confidences that these parameters give fit what was right."""
    return calibration(_told(examples, by))


def _told(examples: Sequence[Example], by: Calibration) -> list[tuple[float, bool]]:
    return [(min(CALIBRATED, confidences([one.first, one.second], by)[0]), one.right) for one in examples]
