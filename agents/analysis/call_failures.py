"""Who fails by itself: the share of a service's answers that fail, less what failed further down for them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.analysis.findings import CauseKind, Finding, FindingKind, Source
from agents.analysis.signals import CallStats, Window
from agents.analysis.words import figure

__all__ = ["analyse_failures"]

# Failing one call in fifty scores 1, if so many sigmas of counting are behind it.
_NOTABLE = 0.02
_NOTABLE_SIGMAS = 4.0
# More is no measurement, and sums of it would not be finite.
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class _Counted:
    """Calls and how many of them failed."""

    count: float = 0.0
    failed: float = 0.0

    @property
    def share(self) -> float:
        return self.failed / self.count if self.count else 0.0


def analyse_failures(calls: Sequence[CallStats], window: Window) -> tuple[Finding, ...]:
    """One finding a service whose own share of failed answers grew notably, strongest first; none where none did.

    What fails in the calls that it makes itself, for each call that it answers, is taken off: that is for those it
    calls to answer for. Retries and fallbacks make this a lower bound of neither; it is exact where every call that
    fails further down fails the one above.
    """
    earlier = [call for call in calls if window.usual(call.time)]
    today = [call for call in calls if window.start <= call.time <= window.end]
    services = sorted({call.service for call in today if call.failed > 0})
    found = (_finding(service, earlier, today) for service in services)
    return tuple(sorted(filter(None, found), key=lambda f: (-(f.score or 0.0), f.subject)))


def _finding(service: str, earlier: Sequence[CallStats], today: Sequence[CallStats]) -> Finding | None:
    before, after = _answered(service, earlier), _answered(service, today)
    if not before.count or not after.count:
        return None
    grown = after.share - before.share
    own = grown - max(0.0, _passed_on(service, today, after) - _passed_on(service, earlier, before))
    score = min(own / _NOTABLE, _sigmas(own, before, after) / _NOTABLE_SIGMAS)
    return _told(service, before, after, own, score) if score >= 1.0 else None


def _answered(service: str, calls: Iterable[CallStats]) -> _Counted:
    own = [call for call in calls if call.service == service and call.caller != service]
    return _Counted(math.fsum(map(_count, own)), math.fsum(map(_failed, own)))


def _passed_on(service: str, calls: Iterable[CallStats], answered: _Counted) -> float:
    """Failed calls that the service made, for each call that it answered."""
    made = [call for call in calls if call.caller == service and call.service != service]
    return math.fsum(map(_failed, made)) / answered.count


def _count(call: CallStats) -> float:
    """How many calls; 0 for what cannot be counted."""
    return call.count if 0 < call.count <= _LARGEST else 0.0


def _failed(call: CallStats) -> float:
    """How many of them failed: some or all, as a counter that began anew may not say."""
    return min(call.failed, _count(call)) if call.failed > 0 else 0.0


def _sigmas(own: float, before: _Counted, after: _Counted) -> float:
    """How many standard errors of two counted shares apart; one failure and one success more keep them finite."""
    share = (before.failed + after.failed + 1.0) / (before.count + after.count + 2.0)
    return own / math.sqrt(share * (1.0 - share) * (1.0 / before.count + 1.0 / after.count))


def _told(service: str, before: _Counted, after: _Counted, own: float, score: float) -> Finding:
    was, now, of_it = 100 * before.share, 100 * after.share, 100 * own
    return Finding(
        source=Source.KPIS,
        kind=FindingKind.CALL_FAILURES,
        service=service,
        subject=f"{service}|calls|{FindingKind.CALL_FAILURES}",
        statement=(
            f"{figure(now)} % of the calls to {service} failed instead of {figure(was)} %; "
            f"{figure(of_it)} % are its own, not of those it calls"
        ),
        score=score,
        direction=1,
        data={
            "metric_kind": CauseKind.ERRORS.value,
            "before": was,
            "after": now,
            "own_percent": of_it,
            "calls": after.count,
            "unit": "%",
        },
    )
