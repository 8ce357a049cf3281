"""Windows of which some do not answer: the rest answers as before."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.analysis.findings import Source
from agents.evaluation.unreachable import UnreachableWindows
from agents.investigation.memory import MemoryWindows
from schemas.errors import UnavailableError
from tests.fakes.incident_data import bad_deploy

DATA = bad_deploy()
SPAN = (datetime.fromtimestamp(DATA.window.baseline_start, UTC), datetime.fromtimestamp(DATA.window.end, UTC))
METHODS = {
    "kpis": Source.KPIS,
    "alarms": Source.ALARMS,
    "logs": Source.LOGS,
    "changes": Source.CHANGES,
    "calls": Source.TOPOLOGY,
    "topology": Source.TOPOLOGY,
}


@pytest.mark.parametrize(("method", "source"), METHODS.items())
async def test_what_is_away_is_unavailable_and_the_rest_is_there(method: str, source: Source) -> None:
    whole = MemoryWindows(DATA)
    away = UnreachableWindows(whole, frozenset({source}))
    with pytest.raises(UnavailableError, match=source.value):
        await getattr(away, method)("t", None, *SPAN)
    for other, its in METHODS.items():
        if its is not source:
            told = await getattr(away, other)("t", None, *SPAN)
            assert len(told.items) == len((await getattr(whole, other)("t", None, *SPAN)).items)
