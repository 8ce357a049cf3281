"""A Faust agent that reads alarms.raw and does nothing with it: what Faust itself costs.

`python -m tests.bench.workers.idle_agent KAFKA DATA_DIR ALARMS`, like `tests.bench.workers.triage`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import faust
import uvloop

from schemas.events import AlarmRaw
from schemas.metrics import MESSAGES
from streams.faust_connection import connection_of
from streams.kafka import KafkaSettings
from streams.triage_worker import run_triage
from tests.bench.workers.meter import StageMeter, quiet_logs


async def _main(kafka: KafkaSettings, data_dir: Path, alarms: int) -> None:
    meter = StageMeter()
    app = faust.App(
        f"{kafka.topic_prefix}idle",
        **connection_of(kafka),
        datadir=data_dir,
        autodiscover=False,
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    topic = app.topic(kafka.names.on_broker(AlarmRaw.TOPIC), value_type=bytes, value_serializer="raw")

    async def idle(stream: Any) -> None:
        async for _ in stream:
            meter.count(MESSAGES, 1, stage="idle", outcome="handled")

    app.agent(topic)(idle)
    stop = asyncio.Event()
    running = asyncio.create_task(run_triage(app, stop))
    while not running.done() and not meter.is_settled("idle", alarms, 0.1):  # noqa: ASYNC110 - a recorder wakes nobody
        await asyncio.sleep(0.1)
    stop.set()
    await running
    print(json.dumps(meter.times()), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    quiet_logs()
    uvloop.run(_main(KafkaSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
