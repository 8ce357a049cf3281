"""How far triage is behind, told per stage while it works."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.events import AlarmChanged
from schemas.metrics import CONSUMER_LAG
from tests.fakes.events import alarm
from tests.fakes.incident_ports import ListRecorder
from tests.integration.streams.triage.conftest import Stack

pytestmark = pytest.mark.broker


def lags(recorder: ListRecorder) -> dict[str, float]:
    """The last lag of each stage."""
    return {labels["stage"]: value for name, value, labels in recorder.kept if name == CONSUMER_LAG.name}


async def test_each_stage_tells_its_lag_and_all_end_at_nothing(stack: Stack) -> None:
    began, recorder = datetime.now(UTC), ListRecorder()
    raised = [alarm(f"Alarm{i}", "cart", started_at=began, occurred_at=began) for i in range(40)]
    await stack.producer.publish_all(raised)
    async with stack.triage(recorder=recorder) as running:
        await stack.reader.until(lambda: len(stack.reader.of(AlarmChanged)) == 40, alive=running)
        await stack.reader.until(
            lambda: lags(recorder) == {"intake": 0, "correlate": 0, "trigger": 0}, alive=running
        )
    seen = [
        value
        for name, value, labels in recorder.kept
        if name == CONSUMER_LAG.name and labels["stage"] == "intake"
    ]
    assert max(seen) <= 40
    topics = {labels["topic"] for name, _, labels in recorder.kept if name == CONSUMER_LAG.name}
    assert topics == {
        stack.kafka.names.on_broker(one) for one in ("alarms.raw", "alarms.changed", "incidents")
    }
