"""The program of docs/how-to/read-over-http, exactly as it stands there, against a real broker and a real registry."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from uuid import uuid4

import pytest

from streams.kafka import KafkaSettings
from tests.fakes.full_events import evidence
from tests.integration.api_reads.serving import Served
from tests.unit.docs.pages import program

pytestmark = [pytest.mark.broker, pytest.mark.clickhouse]


async def test_the_program_of_the_page_reads_evidence(
    whole_api: Served, kafka: KafkaSettings, tenant: str
) -> None:
    assert whole_api.producer is not None
    found = [evidence(tenant, finding=str(number), statement=f"finding {number}") for number in range(3)]
    await whole_api.producer.publish_all(found)
    variables = {
        "KAFKA": kafka.bootstrap_servers,
        "TOPIC": kafka.names.on_broker("evidence"),
        "GROUP": uuid4().hex,
        "API_URL": whole_api.url,
        "API_KEY": f"{tenant}.viewer",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program("read_evidence.py"),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(90):
            lines = [(await process.stdout.readline()).decode() for _ in found]
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    wanted = {f"{one.event_id} {tenant} cart {one.statement}\n" for one in found}
    assert set(lines) == wanted
