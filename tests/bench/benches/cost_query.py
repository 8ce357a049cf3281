"""Cost queries over a ledger of 100 million entries, as `tocsin costs` and `GET /v1/costs` ask them.

The entries are made inside ClickHouse and inserted into the real table, with its projections: 50 tenants, 30 services with
3 alarms each, 8 steps, 6 models, 20 entries per investigation, 90 days. The client sends the product's own queries. Windows
begin and end within a day, as they do when a person asks for the last 30 days. The peer is the same question as one plain
SELECT over the entries, by the same client from the same table: no projection, and no FINAL either. It reads the same
entries whatever they are summed by, so that questions of all tenants over the same days share one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from schemas.events import CostEntry
from sinks.clickhouse.client import ClickHouse, ClickHouseAddress, open_clickhouse
from sinks.clickhouse.landing import ClickHouseLanding, FixedRetention
from sinks.clickhouse.migrate import Migrator, load_migrations
from sinks.clickhouse.queries.conditions import WideScope
from sinks.clickhouse.queries.costs import CostDimension, CostFilter, CostReport, costs_by
from sinks.clickhouse.query import Query
from tests.bench.figures import Figure, below, percentile
from tests.bench.run import Run
from tests.fakes.clickhouse_server import start_clickhouse
from tests.fakes.full_events import cost
from tests.integration.sinks.samples import FixedClock, messages

__all__ = ["measure"]

_TENANTS = 50
_DAYS = 90
_FIRST_DAY = datetime(2026, 6, 1, tzinfo=UTC)
_LAST = _FIRST_DAY + timedelta(days=_DAYS)
_AT_ONCE = 2
_PER_INVESTIGATION = 20
_LANDED_AT_ONCE = 1_000

_FILL = """INSERT INTO costs (
  tenant, investigation_id, incident_id, service, alarm, event_id, occurred_at, step, attempt, kind, provider, model,
  input_uncached, cache_read, cache_write, output, reasoning, cost_nano_usd, price_version, outcome, duration_ms,
  rows_read, _topic, _epoch, _partition, _offset, landed_at, expires_at
)
WITH cityHash64(i, n) AS dice
SELECT
  '{tenant}', investigation, incident, service, alarm,
  concat('cost_', leftPad(toString(n), 2, '0'), substring(hex(sipHash128(i, n)), 1, 24)),
  started + toIntervalMicrosecond(n * 1_700_123),
  ['recall', 'alarms', 'kpis', 'logs', 'changes', 'topology', 'rank', 'summarise'][1 + n % 8],
  1 + intDiv(n, 8),
  multiIf(n < 9, 'llm', n < 18, 'query', 'cache_hit') AS kind,
  if(kind = 'query', 'clickhouse', 'openai'),
  if(kind = 'query', '', concat('model-', toString(dice % 6))),
  if(kind = 'llm', 500 + dice % 4001, NULL),
  if(kind = 'llm', dice % 2003, NULL),
  if(kind = 'llm', 0, NULL),
  if(kind = 'llm', 100 + dice % 907, NULL),
  if(kind = 'llm', dice % 509, NULL),
  if(dice % 1009 = 0, NULL, if(kind = 'llm', dice % 9_000_001, dice % 4_001)),
  '2026-05', 'ok', dice % 3_001,
  if(kind = 'query', dice % 100_003, NULL),
  'costs', 'bench', i % 4, i * {each} + n, now64(3), now() + toIntervalDay(90)
FROM
(
  SELECT
    number AS i,
    concat('inv_', leftPad(hex(i), 8, '0'), substring(hex(sipHash128(i, '{tenant}')), 1, 18)) AS investigation,
    concat('inc_', substring(hex(sipHash128(i, '{tenant}', 1)), 1, 26)) AS incident,
    concat('service-', toString(cityHash64(i) % 30)) AS service,
    concat('Alarm', toString(cityHash64(i, 1) % 3)) AS alarm,
    toDateTime64('{first:%Y-%m-%d} 00:00:00', 6, 'UTC')
      + toIntervalMicrosecond(cityHash64(i, '{tenant}') % {window_us}) AS started
  FROM numbers({investigations})
)
ARRAY JOIN range({each}) AS n
SETTINGS max_threads = 1, max_insert_threads = 1, max_block_size = 65536, min_insert_block_size_rows = 2097152,
  min_insert_block_size_bytes = 4294967296, optimize_on_insert = 0"""


@dataclass(frozen=True, slots=True)
class _Question:
    """One cost query: what by, of whom, and over how many days until the last."""

    name: str
    by: CostDimension
    tenants: tuple[str, ...] | None
    days: float
    service: str = ""

    @property
    def peer(self) -> tuple[object, ...]:
        """Questions of an equal one share a peer: all are summed over the same entries, most of the table."""
        return (self.name,) if self.tenants else (self.days, self.service)

    def scope(self) -> WideScope:
        end = _LAST - timedelta(hours=9)
        return WideScope(self.tenants, end - timedelta(days=self.days), end)


@dataclass(frozen=True, slots=True)
class _Plain:
    """What a plain SELECT came to, and how long it took."""

    cost_nano_usd: int
    ms: float
    by: CostDimension


_Plains = dict[tuple[object, ...], _Plain]

_ONE = ("tenant-7",)
_QUESTIONS = (
    *(
        _Question(f"one tenant, 30 days, by {by.value}", by, _ONE, 30)
        for by in (CostDimension.MODEL, CostDimension.INVESTIGATION)
    ),
    _Question("one tenant, 89 days, by model, of a service", CostDimension.MODEL, _ONE, 89, "service-3"),
    _Question("all tenants, 30 days, by tenant", CostDimension.TENANT, None, 30),
    *(
        _Question(f"all tenants, 89 days, by {by.value}", by, None, 89)
        for by in (CostDimension.TENANT, CostDimension.SERVICE, CostDimension.MODEL, CostDimension.DAY)
    ),
    _Question("all tenants, 7 days, by model, of a service", CostDimension.MODEL, None, 7, "service-3"),
)


async def measure(run: Run) -> list[Figure]:
    with start_clickhouse(run.folder / "clickhouse") as server:
        async with open_clickhouse(ClickHouseAddress(server.url, query_timeout_s=300)) as clickhouse:
            await Migrator(clickhouse, lambda: datetime.now(UTC), load_migrations()).up()
            # What was merged already is measured; merges of the next minutes would be measured with it.
            await clickhouse.execute("SYSTEM STOP MERGES costs")
            rows = await _filled(run, clickhouse, run.of(100_000_000, 500_000))
            plains: _Plains = {}
            figures = [await _asked(run, clickhouse, one, rows, plains) for one in _QUESTIONS]
            return [_worst(figures, rows), *figures, await _landed(clickhouse, run)]


async def _filled(run: Run, clickhouse: ClickHouse, rows: int) -> int:
    """Fill the ledger, a tenant at a time, two at once; how many entries it has then."""
    began, limit = time.perf_counter(), asyncio.Semaphore(_AT_ONCE)
    investigations = rows // _TENANTS // _PER_INVESTIGATION

    async def fill(tenant: str) -> None:
        sql = _FILL.format(
            tenant=tenant,
            each=_PER_INVESTIGATION,
            investigations=investigations,
            first=_FIRST_DAY,
            window_us=_DAYS * 86_400 * 10**6,
        )
        async with limit:
            await clickhouse.execute(sql)

    await asyncio.gather(*(fill(f"tenant-{number}") for number in range(_TENANTS)))
    (row,) = (await clickhouse.query(Query("filled", "SELECT count() AS rows FROM costs"))).rows
    run.say(f"{row['rows']:,} entries in {time.perf_counter() - began:.0f} s")
    filled: int = row["rows"]
    return filled


async def _asked(run: Run, clickhouse: ClickHouse, question: _Question, rows: int, plains: _Plains) -> Figure:
    async def ours() -> CostReport:
        return await costs_by(
            clickhouse, question.by, question.scope(), CostFilter(service=question.service), limit=1_000
        )

    report = await ours()
    plain = plains.get(question.peer) or await _plainly(clickhouse, question, report)
    plains[question.peer] = plain
    if plain.cost_nano_usd != report.total.cost_nano_usd or not report.total.entries:
        msg = f"{question.name}: {report.total} is not what the entries say: {plain}"
        raise RuntimeError(msg)
    times = await _times(ours, run.of(7, 2))
    run.say(f"{question.name}: {1000 * percentile(times, 0.95):.0f} ms, plain {plain.ms:.0f} ms")
    how = "the same figures" if plain.by is question.by else f"by {plain.by.value}, the same total"
    return Figure(
        question.name,
        1000 * percentile(times, 0.95),
        "ms",
        below(1_000),
        f"p95 of {len(times)}, median {1000 * median(times):.0f} ms; {report.total.entries:,} of {rows:,} entries",
        f"plain SELECT over the entries {plain.ms:,.0f} ms, {how}",
    )


async def _plainly(clickhouse: ClickHouse, question: _Question, report: CostReport) -> _Plain:
    began = time.perf_counter()
    told = await clickhouse.query(Query("plain", f"{report.info.sql}, optimize_use_projections = 0"))
    ms = 1000 * (time.perf_counter() - began)
    return _Plain(told.rows[-1]["cost_nano_usd"], ms, question.by)


def _worst(figures: list[Figure], rows: int) -> Figure:
    worst = max(figures, key=lambda one: one.value)
    return Figure(
        f"slowest of {len(figures)} cost queries",
        worst.value,
        "ms",
        below(1_000),
        f"{worst.name}; {rows:,} entries",
    )


async def _landed(clickhouse: ClickHouse, run: Run) -> Figure:
    """What landing takes to add to a ledger of this size: it looks whether an entry is there already."""
    landing = ClickHouseLanding(clickhouse, FixedRetention(30), FixedClock(), epoch="now")
    times = []
    for number in range(run.of(7, 2)):
        entries = _entries(number)
        batch = messages(entries, first=number * _LANDED_AT_ONCE)
        began = time.perf_counter()
        await landing.insert("costs", batch, f"costs:0:{number}")
        times.append(time.perf_counter() - began)
    name = f"landing {_LANDED_AT_ONCE:,} new entries of 50 investigations"
    return Figure(name, 1000 * median(times), "ms", None, f"median of {len(times)}: look-up, insert, sums")


def _entries(number: int) -> list[CostEntry]:
    each = _LANDED_AT_ONCE // 50
    return [
        cost(f"tenant-{one}", f"inv_{number}_{one}", attempt=attempt + 1, service="service-3")
        for one in range(50)
        for attempt in range(each)
    ]


async def _times(ask: Callable[[], Awaitable[object]], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        await ask()
        times.append(time.perf_counter() - began)
    return times
