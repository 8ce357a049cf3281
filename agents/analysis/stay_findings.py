"""What stayed away, as findings: a shift from where the metric would be, going by other days, to where it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from agents.analysis.findings import CauseKind, Finding, FindingKind, Scalar, Source
from agents.analysis.grids import Grid
from agents.analysis.kpi_findings import Judged, Surroundings, figures, measured_by, slack_data
from agents.analysis.metrics import SYMPTOMS, is_share
from agents.analysis.signals import Window
from agents.analysis.stays import Stay, stayed
from agents.analysis.words import clock, from_to, times_as_much

__all__ = ["of_one_day", "staying", "stays_away"]


def staying(
    grids: Iterable[Grid],
    window: Window,
    services: Collection[str],
    told: Collection[tuple[str, str]],
    about: Mapping[str, Surroundings],
) -> list[Finding]:
    """Return one finding for each metric of these services that stayed away, but for those (service, metric) already told of.

    Of several series of one name (by label) the strongest is told. What stayed away as the load of its service did, did so in
    step with it, and is not told apart.
    """
    best: dict[tuple[str, str], Stay] = {}
    for one in (stay for grid in grids for stay in stayed(grid, window, services)):
        name = one.shift.series.service, one.shift.series.metric
        if name not in told and (name not in best or one.shift.score > best[name].shift.score):
            best[name] = one
    loads = {
        (one.shift.series.service, one.shift.direction)
        for one in best.values()
        if one.shift.nature.kind is CauseKind.TRAFFIC
    }
    return [
        _finding(one, about[one.shift.series.service], window)
        for one in best.values()
        if one.shift.nature.kind is CauseKind.TRAFFIC
        or (one.shift.series.service, one.shift.direction) not in loads
    ]


def stays_away(finding: Finding) -> bool:
    """Whether a metric stayed away from what it did on two other days or more: one alone convicts nobody."""
    return _agreeing(finding) > 1


def of_one_day(finding: Finding) -> bool:
    """Whether a metric stayed away from what it did on the one other day that is known: no cause ever shows in that alone."""
    return _agreeing(finding) == 1


def _agreeing(finding: Finding) -> int:
    days = finding.data.get("agreeing_days")
    return days if isinstance(days, int) else 0


def _finding(stay: Stay, about: Surroundings, window: Window) -> Finding:
    shift, series = stay.shift, stay.shift.series
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.LEVEL_SHIFT,
        service=series.service,
        indicator=series.metric,
        subject=f"{series.service}|{series.metric}|{FindingKind.LEVEL_SHIFT}",
        statement=_sentence(stay, about.name(series)),
        score=shift.score,
        onset=stay.since,
        direction=shift.direction,
        data={
            **figures(Judged(shift, shift.score), about),
            **_undone(stay),
            **measured_by(shift, window),
            **slack_data(shift),
            "usual": stay.usual,
            **stay.earlier,
            "agreeing_days": stay.agree,
            "known_days": len(stay.earlier),
        },
    )


def _undone(stay: Stay) -> Mapping[str, Scalar]:
    """Load that does not come, or work that nobody does, is what hurts; a resource is not to blame for lying idle."""
    nature = stay.shift.nature
    harmless = stay.shift.direction == (1 if nature.good_high else -1)
    if nature.kind in SYMPTOMS or not harmless:
        return {}
    kind = CauseKind.TRAFFIC if nature.kind is CauseKind.TRAFFIC else CauseKind.UNKNOWN
    return {"metric_kind": kind.value, "good_high": not nature.good_high}


def _sentence(stay: Stay, name: str) -> str:
    series, would = stay.shift.series, stay.shift.before
    share = series.unit == "1" and is_share(series.metric)
    verb = "rise" if would > stay.usual else "fall"
    moved = f"{from_to(stay.usual, would, series.unit, share=share)}{times_as_much(stay.usual, would)}"
    return f"{name} did not {verb} {moved} at {clock(stay.since)}, as it did at that time {_when(stay)}"


def _when(stay: Stay) -> str:
    if len(stay.earlier) > 1:
        return f"on {stay.agree} of {len(stay.earlier)} earlier days"
    return "the day before" if "yesterday" in stay.earlier else "on the one earlier day that is known"
