"""Requests that leave their usual way: lines that no longer follow, or newly follow, a line that they still pass.

Counts of lines follow the load and its mixture; what follows a line within a request does not. So the share of requests
that write B after A is compared before and after a moment, as request flows are in Sambasivan et al., Diagnosing
performance changes by comparing request flows, NSDI 2011, and where it begins to differ accuses, as in Yu et al., Nezha,
FSE 2023. Shares are compared after Anscombe's arcsine transform, whose noise is alike for all; requests count, not
lines: what one request does ten times is seen once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.analysis.log_mining.calls import Calls, Uncalled, calls_of
from agents.analysis.log_mining.shares import LEAST_AFTER, LEAST_BEFORE, Share, sigmas_between
from agents.analysis.log_mining.table import NOWHERE, LineTable
from agents.analysis.log_mining.visits import BoolMatrix, Visits, visits_of
from agents.analysis.signals import FloatArray

__all__ = ["NOTABLE_SIGMAS", "Departure", "Flows", "flows_of"]

NOTABLE_SIGMAS = 3.0
"""A share must be this far beyond its own noise."""

# What usually follows, and what hardly ever does.
_USUAL = 0.5
_RARE = 0.1
# Ways that were both known change places with what is asked, from one session of a user to the next.
_CHOICE = 0.5


@dataclass(frozen=True, slots=True)
class Departure:
    """Of the visits that wrote `context`, as many as `after` wrote `statement`, where as many as `before` did.

    `sigmas` is signed: negative where the line no longer follows. `own` is the share (0 to 1) of the requests that left
    their way in this service which left it nowhere deeper.
    """

    statement: int
    context: int
    before: Share
    after: Share
    sigmas: float
    own: float = 1.0


@dataclass(frozen=True, slots=True)
class _Compared:
    """One service on both sides of a moment: sigmas by (context, statement), 0 where not telling; the counts behind.

    `tested` is how many pairs could have told something.
    """

    sigmas: FloatArray
    before: FloatArray
    after: FloatArray
    tested: int


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A request left its way in a service: in what began then, and is seen to at `shown`, infinite if it just ended."""

    service: str
    begun: tuple[float, bool]
    shown: float


@dataclass(frozen=True, slots=True)
class Flows:
    """The requests of an incident: `begun[r]` is when request r was first seen."""

    table: LineTable
    visits: tuple[Visits, ...]
    calls: Calls
    begun: FloatArray
    failing: BoolMatrix

    def contrast(self, moment: float) -> float:
        """How much the requests from this moment on differ from those before: squared sigmas beyond the notable."""
        before = self.begun < moment
        tops = {
            v.service: float(np.abs(_compared(v, before, self.failing).sigmas).max()) for v in self.visits
        }
        for one in self.calls.uncalled(before):
            service = self._service(one.statement)
            tops[service] = max(tops[service], -one.sigmas)
        return sum(max(top - NOTABLE_SIGMAS, 0.0) ** 2 for top in tops.values())

    def comparisons(self, moment: float) -> int:
        """Return how many pairs of lines could have departed at this moment."""
        before = self.begun < moment
        inside = sum(_compared(one, before, self.failing).tested for one in self.visits)
        return inside + self.calls.entries.size

    def departures(self, moment: float) -> dict[str, tuple[Departure, ...]]:
        """Return what notably departed from this moment on, by service, strongest first, one a statement."""
        before = self.begun < moment
        compared = [(one, _compared(one, before, self.failing)) for one in self.visits]
        uncalled = [one for one in self.calls.uncalled(before) if one.sigmas <= -NOTABLE_SIGMAS]
        deviations: dict[int, list[_Deviation]] = {}
        for visits, result in compared:
            _add_inside(deviations, visits, result, before)
        for one in uncalled:
            self._add_uncalled(deviations, one, before)
        own = _own_shares(deviations.values())
        found: dict[str, list[Departure]] = {}
        for visits, result in compared:
            found.setdefault(visits.service, []).extend(
                _departures(visits, result, own.get(visits.service, 0.0))
            )
        for one in uncalled:
            service = self._service(one.statement)
            found.setdefault(service, []).append(_departure(one, own.get(service, 0.0)))
        return {service: _strongest(those) for service, those in found.items() if those}

    def _service(self, statement: int) -> str:
        return self.table.statements[statement].service

    def _add_uncalled(
        self, deviations: dict[int, list[_Deviation]], uncalled: Uncalled, before: BoolMatrix
    ) -> None:
        first, place = self.calls.first, self.calls.place_of
        asked = first[:, place(uncalled.context)]
        missed = ~before & ~np.isnan(asked) & np.isnan(first[:, place(uncalled.statement)])
        service = self._service(uncalled.statement)
        went_on = self._next_of(self._service(uncalled.context), asked)
        for request in np.flatnonzero(missed).tolist():
            # Called by what was begun when the caller asked: deeper, also where that was the caller's first line.
            one = _Deviation(service, (float(asked[request]), True), float(went_on[request]))
            deviations.setdefault(request, []).append(one)

    def _next_of(self, service: str, asked: FloatArray) -> FloatArray:
        """When a service wrote its next line in each request after it asked; infinite where it wrote none."""
        own = next(one for one in self.visits if one.service == service)
        later = np.where(own.first > asked[own.request][:, None], own.first, np.inf).min(axis=1)
        result = np.full(asked.size, np.inf)
        np.minimum.at(result, own.request, later)
        return result


def flows_of(table: LineTable) -> Flows | None:
    """Return the requests that the lines name; None where they name none."""
    visits = visits_of(table)
    if not visits:
        return None
    rows = np.flatnonzero(table.request != NOWHERE)[::-1]  # written backwards, the earliest stays
    begun = np.full(int(table.request.max()) + 1, np.nan)
    begun[table.request[rows]] = table.times[rows]
    failing = np.array([one.error for one in table.statements])
    return Flows(table, visits, calls_of(table, visits), begun, failing)


def _compared(visits: Visits, before: BoolMatrix, failing: BoolMatrix) -> _Compared:
    seen, early = visits.seen.astype(np.float64), before[visits.request]
    counts = [part.T @ part for part in (seen[early], seen[~early])]
    shares = [both / np.maximum(np.diag(both), 1)[:, None] for both in counts]
    requests = [_requests(visits, before), _requests(visits, ~before)]
    sigmas = sigmas_between(requests[0][:, None], requests[1][:, None], *shares)
    gone = (shares[0] >= _USUAL) & (sigmas < 0)
    new = (shares[0] <= _RARE) & (sigmas > 0)
    weight = _weights(shares, counts[0] > 0, ~failing[visits.statements])
    told = np.where(visits.precedes & (gone | new), weight * sigmas, 0.0)
    enough = (requests[0] >= LEAST_BEFORE) & (requests[1] >= LEAST_AFTER)
    tested = int((visits.precedes & enough[:, None]).sum())
    return _Compared(told, counts[0], counts[1], tested)


def _weights(shares: Sequence[FloatArray], known: BoolMatrix, calm: BoolMatrix) -> FloatArray:
    """Less for what another calm way took the place of (or what took it) that was known before."""
    grown = shares[1] - shares[0]
    taken = np.where(known & calm, np.maximum(grown, 0.0), 0.0).max(axis=1, keepdims=True)
    exchanged = np.where(grown < 0, taken >= -grown / 2, known & calm & (grown > 0))
    return np.where(exchanged, _CHOICE, 1.0)


def _requests(visits: Visits, chosen: BoolMatrix) -> FloatArray:
    """In how many of the chosen requests each statement was written."""
    kept = visits.pairs[1][chosen[visits.pairs[0]]]
    return np.bincount(kept, minlength=visits.statements.size).astype(np.float64)


def _add_inside(
    deviations: dict[int, list[_Deviation]], visits: Visits, found: _Compared, before: BoolMatrix
) -> None:
    if not (np.abs(found.sigmas) >= NOTABLE_SIGMAS).any():
        return
    seen = visits.seen
    missed = (seen @ (found.sigmas <= -NOTABLE_SIGMAS)) & ~seen
    odd = (seen @ (found.sigmas >= NOTABLE_SIGMAS)) & seen
    # A line that usually comes later shows that the missed one was passed over.
    telling = odd | ((missed @ visits.precedes) & seen)
    shown = np.where(telling, visits.first, np.inf).min(axis=1)
    left = ~before[visits.request] & (missed | odd).any(axis=1)
    for visit in np.flatnonzero(left).tolist():
        one = _Deviation(visits.service, (float(visits.start[visit]), False), float(shown[visit]))
        deviations.setdefault(int(visits.request[visit]), []).append(one)


def _own_shares(requests: Iterable[Sequence[_Deviation]]) -> dict[str, float]:
    """By service, of the requests that left their way in it, the share that did so nowhere deeper.

    A request goes down through visits that begin one after the other until something fails, which shows in those that
    wait above: the latest begun before anything odd was written is the deepest.
    """
    left, deepest = Counter[str](), Counter[str]()
    for those in requests:
        shown = min(one.shown for one in those)
        left.update({one.service for one in those})
        going = [one for one in those if one.begun[0] <= shown]
        deepest[max(going, key=lambda one: (one.begun, one.service)).service] += 1
    return {service: deepest[service] / count for service, count in left.items()}


def _departures(visits: Visits, found: _Compared, own: float) -> list[Departure]:
    contexts = np.abs(found.sigmas).argmax(axis=0)
    return [
        Departure(
            statement=int(visits.statements[k]),
            context=int(visits.statements[a]),
            before=Share(int(found.before[a, k]), int(found.before[a, a])),
            after=Share(int(found.after[a, k]), int(found.after[a, a])),
            sigmas=float(found.sigmas[a, k]),
            own=own,
        )
        for k, a in enumerate(contexts.tolist())
        if abs(found.sigmas[a, k]) >= NOTABLE_SIGMAS
    ]


def _departure(one: Uncalled, own: float) -> Departure:
    return Departure(one.statement, one.context, one.before, one.after, one.sigmas, own)


def _strongest(those: Iterable[Departure]) -> tuple[Departure, ...]:
    """One a statement."""
    best: dict[int, Departure] = {}
    for one in sorted(those, key=lambda d: (-abs(d.sigmas), d.statement)):
        best.setdefault(one.statement, one)
    return tuple(best.values())
