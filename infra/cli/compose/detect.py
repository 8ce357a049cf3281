"""The role `detect`: online detection over KPI batches."""

from __future__ import annotations

import asyncio

from infra.cli.compose.process import RoleProcess
from infra.runtime.settings import DetectSection
from streams.detect.role import run_detection
from streams.detect.settings import DetectRules, Method

__all__ = ["detect_rules", "run"]


async def run(process: RoleProcess, stop: asyncio.Event) -> None:
    """Run until `stop`. Switched off it waits, so that the supervisor need not know."""
    section = process.installation.settings.detect
    if not section.enabled:
        await stop.wait()
        return
    producer = await process.producer()
    await run_detection(
        process.installation.kafka,
        detect_rules(section),
        producer,
        process.office(producer),
        process.clock,
        recorder=process.recorder,
        stop=stop,
        registry=process.schemas,
    )


def detect_rules(section: DetectSection) -> DetectRules:
    """The rules of the role by its settings."""
    return DetectRules(
        method=Method(section.method),
        max_series=section.max_series,
        sensitivity=section.sensitivity,
        persist_s=section.persist_s,
        season_s=section.season_s,
    )
