"""Requests as what they had each service log: who wrote which statement when, and what goes before what."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agents.analysis.log_mining.table import NOWHERE, IntArray, LineTable
from agents.analysis.signals import FloatArray

__all__ = ["BoolMatrix", "Visits", "beginnings", "precedence", "visits_of"]

BoolMatrix = NDArray[np.bool_]

# Rarer statements of a service than these hardly tell its ways through the code.
_MOST_STATEMENTS = 120
_NEARLY_ALWAYS = 0.9


@dataclass(frozen=True, slots=True)
class Visits:
    """What one service did for requests: `first[v, k]` is when visit v first wrote `statements[k]`, NaN if it did not.

    `precedes[a, b]`: where both are written, a is nearly always first. `pairs` are the distinct
    (request, statement index) pairs, two rows.
    """

    service: str
    statements: IntArray
    first: FloatArray
    request: IntArray
    start: FloatArray
    precedes: BoolMatrix
    pairs: IntArray

    @property
    def seen(self) -> BoolMatrix:
        seen: BoolMatrix = ~np.isnan(self.first)
        return seen


def visits_of(table: LineTable) -> tuple[Visits, ...]:
    """Return the visits of each service whose lines name requests, in order of the services' names."""
    named = table.request != NOWHERE
    services = np.array([one.service for one in table.statements] or [""])
    return tuple(
        _visits(table, named, service, services == service) for service in _with_requests(table, named)
    )


def _with_requests(table: LineTable, named: BoolMatrix) -> list[str]:
    return sorted({table.statements[k].service for k in np.unique(table.statement[named]).tolist()})


def _visits(table: LineTable, named: BoolMatrix, service: str, own: BoolMatrix) -> Visits:
    rows = np.flatnonzero(named & own[table.statement])
    numbers, counts = np.unique(table.statement[rows], return_counts=True)
    kept = np.sort(numbers[np.argsort(-counts, kind="stable")[:_MOST_STATEMENTS]])
    rows = rows[np.isin(table.statement[rows], kept)]
    places = np.searchsorted(kept, table.statement[rows])
    visits, begun, visit = np.unique(table.visit[rows], return_index=True, return_inverse=True)
    first = np.full((visits.size, kept.size), np.nan)
    # Rows are in order of time: written backwards, the earliest stays.
    first[visit[::-1], places[::-1]] = table.times[rows[::-1]]
    request = table.request[rows[begun]]
    return Visits(
        service=service,
        statements=kept,
        first=first,
        request=request,
        start=table.times[rows[begun]],
        precedes=precedence(first, np.arange(kept.size)),
        pairs=np.unique(np.stack([table.request[rows], places]), axis=1),
    )


def precedence(first: FloatArray, columns: IntArray) -> BoolMatrix:
    """Return [a, k]: where statement a and statement `columns[k]` are both written, a is nearly always first."""
    seen = ~np.isnan(first)
    both = seen.T.astype(np.float64) @ seen[:, columns]
    earlier = [(first <= first[:, [k]]).sum(axis=0) for k in columns.tolist()]
    result: BoolMatrix = np.stack(earlier, axis=1) >= np.maximum(_NEARLY_ALWAYS * both, 1)
    result[columns, np.arange(columns.size)] = False
    return result


def beginnings(visits: Visits) -> IntArray:
    """Return the statements that nearly always begin a visit."""
    starts = (visits.first <= visits.start[:, None]).sum(axis=0)
    begin: IntArray = visits.statements[starts >= _NEARLY_ALWAYS * visits.seen.sum(axis=0)]
    return begin
