"""Nothing is wrong: nobody may be accused."""

from __future__ import annotations

from infra.cli.evaluation.declared import BENIGN, INCONCLUSIVE, Expect, FlappingAlarm, Scenario
from infra.local.shop.mishaps import MishapKind
from infra.local.shop.staging import Announced, Happening, Role, Surge
from schemas.events import ChangeKind

__all__ = ["HEALTHY"]

_CALM = Expect(verdicts=(BENIGN,))
# Something is out of the ordinary, and hurts nobody: to leave it open is no mistake.
_ODD = Expect(verdicts=(BENIGN, INCONCLUSIVE), innocent=(Role.HERRING,))


def _calm(name: str, title: str, *happens: Happening, expect: Expect = _CALM) -> Scenario:
    return Scenario(name, "healthy", title, happens, expect=expect)


HEALTHY = (
    _calm("calm", "An ordinary minute; somebody asks by hand"),
    _calm(
        "harmless-peak",
        "An ordinary peak raises a warning whose threshold is too tight",
        Happening(MishapKind.READ_PEAK, Role.HERRING, lasts_s=60.0, service="recommendation"),
    ),
    _calm(
        "harmless-deploy",
        "A version that changes nothing; somebody asks by hand",
        Happening(Announced(ChangeKind.DEPLOY, "deploy {service} 4.2.0"), Role.HERRING),
    ),
    _calm("busier-hour", "A few more users than before", Happening(Surge(1.15), ramp_s=40.0)),
    _calm(
        "planned-and-unfelt",
        "A maintenance window begins, and nobody notices",
        Happening(Announced(ChangeKind.CONFIG, "maintenance window of {service} begins"), Role.HERRING),
    ),
    Scenario(
        "nervous-threshold",
        "healthy",
        "An alarm fires and clears again and again over ordinary noise",
        (Happening(Announced(ChangeKind.SCALE, "autoscaler limits of {service} reviewed"), Role.HERRING),),
        seen=(FlappingAlarm(Role.HERRING, "CpuHigh", "cpu_usage"),),
        expect=_CALM,
    ),
    _calm(
        "spare-cpu",
        "A batch job takes what is left over",
        Happening(MishapKind.BUSY_BATCH, Role.HERRING),
        expect=_ODD,
    ),
    _calm(
        "certificates",
        "A warning of what is weeks away",
        Happening(MishapKind.NEW_WARNINGS, Role.HERRING),
        expect=_ODD,
    ),
    _calm(
        "collections",
        "The garbage collector works more",
        Happening(MishapKind.LONG_COLLECTIONS, Role.HERRING),
        expect=_ODD,
    ),
)
