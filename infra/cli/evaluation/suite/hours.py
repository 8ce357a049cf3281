"""What other days did at this hour: what comes every day is no news, and what stays away today is."""

from __future__ import annotations

from agents.analysis.findings import CauseKind as Kind
from agents.analysis.findings import FindingKind, Source
from infra.cli.evaluation.declared import BENIGN, FOUND, EarlierDay, Expect, Raised, Scenario, Shows
from infra.local.shop.staging import Happening, Role, Surge

__all__ = ["HOURS"]

_GROUP = "time of day"
# A change just before may well be why, and is then named.
_STAYED = (Kind.TRAFFIC, Kind.CONFIG, Kind.DEPLOY)
_RUSH = (Happening(Surge(1.9)),)
_NO_ORDERS = Raised(
    Role.ENTRY, "OrdersBelowPlan", "request_rate", "{service}: fewer orders than planned for this hour"
)


def _days(*ago: int, calm: tuple[int, ...] = ()) -> tuple[EarlierDay, ...]:
    """Days with the rush, and calm ones."""
    return (*(EarlierDay(one, _RUSH) for one in ago), *(EarlierDay(one) for one in calm))


HOURS = (
    Scenario(
        "rush-stays-away",
        _GROUP,
        "At this hour users come in numbers, every day but today; nothing else is out of the ordinary",
        seen=(_NO_ORDERS,),
        expect=Expect(
            _STAYED,
            of=(Role.ENTRY,),
            verdicts=(FOUND,),
            evidence=(Shows(Source.KPIS, Role.ENTRY, (FindingKind.LEVEL_SHIFT,)),),
        ),
        earlier=_days(1, 7),
    ),
    Scenario(
        "rush-stays-away-on-monday",
        _GROUP,
        "Users come in numbers on working days; today is one, yesterday and the day before were none",
        seen=(_NO_ORDERS,),
        expect=Expect(_STAYED, of=(Role.ENTRY,), verdicts=(FOUND,)),
        earlier=_days(7, 14, calm=(1, 2)),
    ),
    Scenario(
        "no-rush-on-a-day-off",
        _GROUP,
        "Users come in numbers on working days; today is none, as a week before",
        seen=(_NO_ORDERS,),
        expect=Expect(verdicts=(BENIGN,)),
        earlier=_days(1, 2, calm=(7,)),
    ),
    Scenario(
        "rush-of-one-day",
        _GROUP,
        "Yesterday there was a rush at this hour, and nothing older is stored",
        seen=(_NO_ORDERS,),
        expect=Expect(verdicts=(BENIGN,)),
        earlier=_days(1),
    ),
)
