"""The scenarios, one list a file; `SCENARIOS` has them all."""

from __future__ import annotations

from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.suite.blind import BLIND
from infra.cli.evaluation.suite.faults import FAULTS
from infra.cli.evaluation.suite.healthy import HEALTHY
from infra.cli.evaluation.suite.hours import HOURS
from infra.cli.evaluation.suite.mixtures import HERRINGS, INJECTIONS, SEVERAL
from infra.cli.evaluation.suite.timing import TIMING

__all__ = ["SCENARIOS"]

SCENARIOS: tuple[Scenario, ...] = (
    *FAULTS,
    *HERRINGS,
    *SEVERAL,
    *HEALTHY,
    *BLIND,
    *TIMING,
    *HOURS,
    *INJECTIONS,
)
