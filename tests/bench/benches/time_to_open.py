"""From an alarm's acknowledgement by the broker to the request that opens its investigation, under half of full load.

Triage runs as a process. Full load is what it did of `storm` (see alarm_path) in the same run; half of that comes in
steadily, and among it alarms of services that had none, each of which opens an incident and an investigation. The peer is
the way through the broker alone: from the same acknowledgement until a plain consumer of alarms.raw has the alarm.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import islice

from schemas.codec import decode_as
from schemas.envelope import read_envelope
from schemas.events import AlarmRaw, InvestigationRequested
from streams.kafka import KafkaSettings
from streams.messages import Message
from streams.producer import EventProducer, open_producer
from streams.reader import open_reader
from tests.bench.benches.alarm_path import command_of, filled, path_rate, storm, worked
from tests.bench.figures import Figure, below, percentile
from tests.bench.run import Run
from tests.fakes.broker import start_tansu
from tests.fakes.events import alarm

__all__ = ["measure"]

_PULSE_S = 0.02
"""The background load comes in so often, and a probe with every second pulse."""
_LAST_S = 20.0


class _Arrivals:
    """When each probe was acknowledged, read back and answered with an investigation, by the monotonic clock."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.read: dict[str, float] = {}
        self.opened: dict[str, float] = {}

    def note_read(self, message: Message) -> None:
        """By the headers: decoding every alarm would be a load of its own."""
        envelope = read_envelope(message.headers)
        if envelope.subject.startswith("probe-"):
            self.read[envelope.event_id] = time.perf_counter()

    def note_opened(self, message: Message) -> None:
        requested = decode_as(InvestigationRequested, message.value)
        first = requested.incident.alarms[0]
        if first.name == "Probe":
            self.opened.setdefault(first.alarm_event_id, time.perf_counter())

    def waits_ms(self, arrived: dict[str, float]) -> list[float]:
        return [(arrived[probe] - sent) * 1e3 for probe, sent in self.sent.items() if probe in arrived]


async def measure(run: Run) -> list[Figure]:
    with start_tansu() as bootstrap:
        kafka = KafkaSettings.embedded(bootstrap)
        full = await _full_load(run, kafka)
        probes = run.of(500, 10)
        ours = await filled(kafka, [])
        arrivals = _Arrivals()
        async with _triage(ours, run), _listening(ours, arrivals):
            await _pulses(ours, arrivals, range(run.of(50, 2)), full / 2)
            await _until_opened(arrivals)  # triage has started
            arrivals.sent.clear()
            await _pulses(ours, arrivals, range(1_000, 1_000 + probes), full / 2)
            await _until_opened(arrivals)
    waits, bare = arrivals.waits_ms(arrivals.opened), arrivals.waits_ms(arrivals.read)
    told = f"{len(waits)} of {probes} probes, {full / 2:,.0f} alarms/s beside them"
    return [
        Figure(
            f"alarm to open investigation, {name}",
            percentile(waits, share),
            "ms",
            below(250) if name == "p99" else None,
            told,
            f"through the broker alone {percentile(bare, share):,.0f} ms",
        )
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    ]


async def _full_load(run: Run, kafka: KafkaSettings) -> float:
    alarms = list(islice(storm(), run.of(10_000, 3_000)))
    times = worked("triage", await filled(kafka, alarms), run.folder, len(alarms))
    run.say(f"full load: {path_rate(times):,.0f} alarms/s")
    return path_rate(times)


@asynccontextmanager
async def _triage(kafka: KafkaSettings, run: Run) -> AsyncIterator[None]:
    command = command_of("triage", kafka, run.folder, 2**31)
    worker = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    try:
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        await worker.wait()


@asynccontextmanager
async def _listening(kafka: KafkaSettings, arrivals: _Arrivals) -> AsyncIterator[None]:
    async def listen(topic: str, note: Callable[[Message], None]) -> None:
        async with open_reader(kafka) as reader:
            async for message in reader.messages([topic], follow=True):
                note(message)

    tasks = [
        asyncio.create_task(listen(AlarmRaw.TOPIC, arrivals.note_read)),
        asyncio.create_task(listen(InvestigationRequested.TOPIC, arrivals.note_opened)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pulses(kafka: KafkaSettings, arrivals: _Arrivals, probes: range, rate: float) -> None:
    """Send at this rate, open loop: a late pulse is followed by the next at once."""
    background = storm()
    async with open_producer(kafka, source="/bench") as producer:
        begun, sending = time.perf_counter(), set[asyncio.Task[None]]()
        for pulse in range(len(probes) * 2):
            await asyncio.sleep(max(0.0, begun + pulse * _PULSE_S - time.perf_counter()))
            sending.add(
                asyncio.create_task(producer.publish_all(list(islice(background, int(rate * _PULSE_S)))))
            )
            if pulse % 2:
                sending.add(asyncio.create_task(_probe(producer, arrivals, probes[pulse // 2])))
        await asyncio.gather(*sending)


async def _probe(producer: EventProducer, arrivals: _Arrivals, number: int) -> None:
    now = datetime.now(UTC)
    probe = alarm("Probe", f"probe-{number}", tenant="acme", occurred_at=now, started_at=now)
    await producer.publish(probe)
    arrivals.sent[probe.event_id] = time.perf_counter()


async def _until_opened(arrivals: _Arrivals) -> None:
    deadline = time.perf_counter() + _LAST_S
    while not arrivals.sent.keys() <= arrivals.opened.keys() and time.perf_counter() < deadline:  # noqa: ASYNC110 - a reader wakes nobody
        await asyncio.sleep(0.05)
