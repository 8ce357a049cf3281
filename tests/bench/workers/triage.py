"""Triage as the role `stream` runs it, until it has handled so many alarms and everything they led to, or SIGTERM.

`python -m tests.bench.workers.triage KAFKA DATA_DIR ALARMS`; KAFKA is KafkaSettings as JSON. Prints StageTimes as JSON.
Only what a tenant configured is in memory; state, changelogs and events are on the broker.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from infra.runtime.heap import settle_heap
from streams.app import TriageSettings, create_app
from streams.kafka import KafkaSettings
from streams.triage_worker import run_triage
from tests.bench.workers.meter import StageMeter, quiet_logs
from tests.fakes.triage_process import triage_deps

_SETTLED_S = 1.5
"""Nothing new for so long after the last alarm: nothing is under way any more."""
_STARTED_S = 1.5
"""A role settles its heap after ten seconds: here most would be over by then."""


async def _main(kafka: KafkaSettings, data_dir: Path, alarms: int) -> None:
    meter = StageMeter()
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(_STARTED_S, settle_heap)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with triage_deps(kafka, meter) as deps:
        app = create_app(TriageSettings(kafka=kafka, data_dir=data_dir), deps)
        running = asyncio.create_task(run_triage(app, stop))
        while not (running.done() or stop.is_set()) and not meter.is_settled("intake", alarms, _SETTLED_S):  # noqa: ASYNC110 - a recorder wakes nobody
            await asyncio.sleep(0.1)
        stop.set()
        await running
    print(json.dumps(meter.times()), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    quiet_logs()
    uvloop.run(_main(KafkaSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
