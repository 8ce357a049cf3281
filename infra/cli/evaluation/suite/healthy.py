"""Nothing is wrong: nobody may be accused."""

from __future__ import annotations

from infra.cli.evaluation.declared import Scenario
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Happening, Role

__all__ = ["HEALTHY"]

HEALTHY = (
    Scenario("calm", "healthy", "An ordinary minute; somebody asks by hand"),
    Scenario(
        "harmless-peak",
        "healthy",
        "An ordinary peak raises a warning whose threshold is too tight",
        (Happening(MishapKind.READ_PEAK, Role.HERRING, lasts_s=60.0, service="recommendation"),),
    ),
)
