"""What did it cost?"""

from __future__ import annotations

from agents.answers.material import CostLine, Material
from agents.answers.reply import Sentence, said

__all__ = ["about_cost"]

_MOST = 5
_NANO = 1e9


def about_cost(material: Material) -> list[Sentence]:
    """Return what the investigation cost so far, by the ledger, with the query that shows it; no evidence speaks of money."""
    ledger = material.ledger
    if not ledger.lines or not ledger.query:
        return []
    known = [line.nano_usd for line in ledger.lines if line.nano_usd is not None]
    entries, unpriced = (
        sum(line.entries for line in ledger.lines),
        sum(line.unpriced for line in ledger.lines),
    )
    without = f"; {unpriced} of them have no known price" if unpriced else ""
    total = said(
        f"It has cost {_usd(sum(known))} so far, by {entries} {'entry' if entries == 1 else 'entries'} of the ledger{without}",
        query=ledger.query,
    )
    dearest = sorted(
        (line for line in ledger.lines if line.nano_usd), key=lambda line: (-(line.nano_usd or 0), line.step)
    )
    return [total, *(said(_step(line), query=ledger.query) for line in dearest[:_MOST])]


def _step(line: CostLine) -> str:
    return (
        f"{line.step}: {_usd(line.nano_usd or 0)} by {line.entries} entr{'ies' if line.entries > 1 else 'y'}"
    )


def _usd(nano: int) -> str:
    return "<$0.000001" if 0 < nano < 1_000 else f"${nano / _NANO:,.6f}"
