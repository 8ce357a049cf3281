"""An investigation in a process of its own that hangs at a step, to be killed there: FOLDER STEP."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from agents.investigation.checkpoints import open_checkpoints
from agents.investigation.memory import memory_ports, request_for
from agents.investigation.run import Investigations
from agents.ports import Published
from schemas.events.investigation import InvestigationStatus
from tests.fakes.incident_data import bad_deploy
from tests.fakes.incident_ports import quick

__all__ = ["FilePublisher", "HangingPublisher"]


@dataclass(frozen=True, slots=True)
class FilePublisher:
    """Appends each event as a JSON line: what was written before a kill can be read after it."""

    path: Path

    async def publish(self, *events: Published) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for event in events:
                line = {"type": event.TYPE, "id": event.event_id, "body": event.model_dump(mode="json")}
                file.write(json.dumps(line) + "\n")


@dataclass(frozen=True, slots=True)
class HangingPublisher:
    """Hangs for ever at the word that the step is done: its work is published, its checkpoint not written."""

    inner: FilePublisher
    step: str
    marker: Path

    async def publish(self, *events: Published) -> None:
        if any(isinstance(event, InvestigationStatus) and event.step == self.step for event in events):
            self.marker.touch()
            await asyncio.Event().wait()
        await self.inner.publish(*events)


async def _main(folder: Path, step: str) -> None:
    data = bad_deploy()
    publisher = HangingPublisher(FilePublisher(folder / "events.jsonl"), step, folder / "hanging")
    ports = replace(memory_ports(data, quick(data)), publisher=publisher)
    async with open_checkpoints(folder / "checkpoints.sqlite") as saver:
        await Investigations(ports.settings, saver).investigate(request_for(data), ports)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
