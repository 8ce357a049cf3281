"""The scenarios, one list a file; `SCENARIOS` has them all."""

from __future__ import annotations

from infra.cli.evaluation.declared import Scenario
from infra.cli.evaluation.suite.faults import FAULTS
from infra.cli.evaluation.suite.healthy import HEALTHY

__all__ = ["SCENARIOS"]

SCENARIOS: tuple[Scenario, ...] = (*FAULTS, *HEALTHY)
