"""Whether services still begin what their callers ask of them, by the lines of both within requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agents.analysis.log_mining.shares import LEAST_BEFORE, Share, sigmas_between
from agents.analysis.log_mining.table import NOWHERE, IntArray, LineTable
from agents.analysis.log_mining.visits import BoolMatrix, Visits, beginnings, precedence
from agents.analysis.signals import FloatArray

__all__ = ["Calls", "Uncalled", "calls_of"]

# Lines before a call that hardly any request goes on from without it.
_CALLED = 0.9
# Sigmas that differ by less are those of the same requests.
_EQUAL = 1e-9
# Rarer statements than these are hardly on the way of many requests.
_MOST_STATEMENTS = 600


@dataclass(frozen=True, slots=True)
class Uncalled:
    """A statement that begins visits no longer follows `context`, the line of another service that explains it best."""

    statement: int
    context: int
    before: Share
    after: Share
    sigmas: float


@dataclass(frozen=True, slots=True)
class Calls:
    """`first[r, k]` is when request r first wrote `statements[k]`, NaN if it did not.

    `entries` are the places of statements that begin visits; `ahead[k, e]`: k is another service's, and nearly always
    written before entry e, on average `lag[k, e]` seconds (infinite where never).
    """

    statements: IntArray
    first: FloatArray
    entries: IntArray
    ahead: BoolMatrix
    lag: FloatArray

    def place_of(self, statement: int) -> int:
        """The column of a statement."""
        return int(np.searchsorted(self.statements, statement))

    def uncalled(self, before: BoolMatrix) -> list[Uncalled]:
        """Return each entry with the line before it after which it is missed the least: the best excuse that it has.

        Of equal ones the line written last: who asked, not who asked for that.
        """
        seen = (~np.isnan(self.first)).astype(np.float64)
        parts = [seen[before], seen[~before]]
        totals = [part.sum(axis=0) for part in parts]
        counts = [part.T @ part[:, self.entries] for part in parts]
        shares = [count / np.maximum(total, 1)[:, None] for count, total in zip(counts, totals, strict=True)]
        sigmas = sigmas_between(totals[0][:, None], totals[1][:, None], shares[0], shares[1])
        half = np.maximum(totals[0][self.entries] / 2, LEAST_BEFORE)
        asking = self.ahead & (shares[0] >= _CALLED) & (totals[0][:, None] >= half)
        missed = np.where(asking, np.minimum(sigmas, 0.0), -np.inf)
        excuse = np.where(missed >= missed.max(axis=0) - _EQUAL, self.lag, np.inf).argmin(axis=0)
        return [
            Uncalled(
                statement=int(self.statements[self.entries[e]]),
                context=int(self.statements[a]),
                before=Share(int(counts[0][a, e]), int(totals[0][a])),
                after=Share(int(counts[1][a, e]), int(totals[1][a])),
                sigmas=min(float(sigmas[a, e]), 0.0),
            )
            for e, a in enumerate(excuse.tolist())
            if asking[a, e]
        ]


def calls_of(table: LineTable, visits: tuple[Visits, ...]) -> Calls:
    """Return who begins what after whom."""
    rows = np.flatnonzero(table.request != NOWHERE)[::-1]  # written backwards, the earliest stays
    numbers, counts = np.unique(table.statement[rows], return_counts=True)
    statements = np.sort(numbers[np.argsort(-counts, kind="stable")[:_MOST_STATEMENTS]])
    rows = rows[np.isin(table.statement[rows], statements)]
    first = np.full((int(table.request.max()) + 1, statements.size), np.nan)
    first[table.request[rows], np.searchsorted(statements, table.statement[rows])] = table.times[rows]
    begin = np.concatenate([beginnings(one) for one in visits])
    entries = np.flatnonzero(np.isin(statements, begin))
    names = np.array([table.statements[k].service for k in statements.tolist()])
    ahead = precedence(first, entries) & (names[:, None] != names[entries])
    return Calls(statements, first, entries, ahead, _lags(first, entries))


def _lags(first: FloatArray, entries: IntArray) -> FloatArray:
    known = ~np.isnan(first)
    both = known.T.astype(np.float64) @ known[:, entries]
    waited = [np.nansum(first[:, [e]] - first, axis=0) for e in entries.tolist()]
    total = np.stack(waited, axis=1) if waited else np.zeros(both.shape)
    return np.where(both > 0, total / np.maximum(both, 1), np.inf)
