"""How far the stages are behind and how much flows: from the roles' metrics, or from what the API tells of the topics."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from infra.cli.remote.client import ApiClient
from infra.cli.top.look import Rates, StageLag
from schemas.errors import UnavailableError
from schemas.events import AlarmRaw, Evidence
from schemas.metrics import ALARM_DECISIONS, CONSUMER_LAG, LANDED_ROWS

__all__ = ["Flow", "FlowSource", "MetricsFlow", "RateWindow", "TopicsFlow", "flow_of_pages", "flow_of_topics"]

_EVIDENCE_TABLE: Final = "evidence"
_GROUPS: Final = "tocsin"
_LANDS: Final = "land"
_ORDER: Final = ("intake", "correlate", "trigger", "triage", "detect", "investigate", "land")
"""As events flow; a stage of another name comes last."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Lag by stage, and totals that only grow: `alarms`, `evidence`, `landed`."""

    lag: tuple[StageLag, ...]
    totals: Mapping[str, float]


class FlowSource(Protocol):
    """Where the flow is read."""

    landed_unit: str
    settles_s: float
    """Two readings closer than this may be the same one."""

    async def flow(self) -> Flow:
        """Raises TocsinError."""
        ...


@dataclass(slots=True)
class MetricsFlow:
    """The metrics pages of the roles on this machine; `ports` is asked each time."""

    http: httpx.AsyncClient
    ports: Callable[[], Sequence[int]]
    landed_unit: str = "rows"
    settles_s: float = 1.0

    async def flow(self) -> Flow:
        """Read every role that answers. Raises UnavailableError where none does."""
        pages = await asyncio.gather(*(self._page(port) for port in self.ports()))
        answered = [page for page in pages if page]
        if not answered:
            raise UnavailableError("no role answers on its metrics port", cure="`tocsin status` shows them.")
        return flow_of_pages(answered)

    async def _page(self, port: int) -> str:
        try:
            return (await self.http.get(f"http://127.0.0.1:{port}/metrics")).text
        except httpx.HTTPError:
            return ""


@dataclass(slots=True)
class TopicsFlow:
    """What the API tells of the topics and who reads them; it looks at most every three seconds."""

    api: ApiClient
    landed_unit: str = "messages"
    settles_s: float = 5.0

    async def flow(self) -> Flow:
        return flow_of_topics((await self.api.get("/v1/topics"))["items"])


def flow_of_pages(pages: Iterable[str]) -> Flow:
    """Return the flow that metrics pages (Prometheus text) tell, summed over all."""
    samples = [
        one for page in pages for family in text_string_to_metric_families(page) for one in family.samples
    ]
    behind: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in samples:
        if one.name == CONSUMER_LAG.name:
            behind[one.labels["stage"]][one.labels["topic"]] += int(one.value)
    landed = [one for one in samples if one.name == LANDED_ROWS.name]
    totals = {
        "alarms": _sum(one for one in samples if one.name == ALARM_DECISIONS.name),
        "evidence": _sum(one for one in landed if one.labels["table"] == _EVIDENCE_TABLE),
        "landed": _sum(landed),
    }
    return Flow(_lags(behind), totals)


def flow_of_topics(topics: Iterable[Mapping[str, Any]]) -> Flow:
    """Return the flow that `/v1/topics` tells. What is landed is what is on the topics and not still to be landed."""
    behind: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    held: dict[str, int] = {}
    landed = 0
    for topic in topics:
        held[topic["topic"]] = topic["messages"] or 0
        for reader in topic["consumers"]:
            stage = _stage(reader["group"])
            behind[stage][topic["topic"]] += reader["lag"]
            if stage == _LANDS:
                landed += held[topic["topic"]] - reader["lag"]
    totals = {
        "alarms": held.get(AlarmRaw.TOPIC, 0),
        "evidence": held.get(Evidence.TOPIC, 0),
        "landed": landed,
    }
    return Flow(_lags(behind), totals)


@dataclass(slots=True)
class RateWindow:
    """Rates over the last `span_s` seconds. A total that fell (a role began anew, a topic was cut) begins it anew."""

    span_s: float = 30.0
    _seen: deque[tuple[float, Mapping[str, float]]] = field(default_factory=deque)

    def rates(self, at_s: float, totals: Mapping[str, float], unit: str) -> Rates:
        """Take the totals of this moment (monotonic, seconds), and return what flows per second."""
        if self._seen and any(totals[name] < value for name, value in self._seen[-1][1].items()):
            self._seen.clear()
        self._seen.append((at_s, dict(totals)))
        while len(self._seen) > 2 and self._seen[1][0] <= at_s - self.span_s:
            self._seen.popleft()
        begun_s, before = self._seen[0]
        if at_s <= begun_s:
            return Rates(landed_unit=unit)
        each = {name: (value - before[name]) / (at_s - begun_s) for name, value in totals.items()}
        return Rates(each["alarms"], each["evidence"], each["landed"], unit)


def _stage(group: str) -> str:
    """`<prefix>tocsin.land` and `<prefix>tocsin-triage` are of the stages land and triage."""
    return group.rpartition(_GROUPS)[2].lstrip(".-") or group


def _lags(behind: Mapping[str, Mapping[str, int]]) -> tuple[StageLag, ...]:
    return tuple(
        StageLag(stage, sum(topics.values()), max(topics, key=lambda topic: topics[topic]))
        for stage, topics in sorted(behind.items(), key=lambda one: _place(one[0]))
    )


def _place(stage: str) -> tuple[int, str]:
    return (_ORDER.index(stage) if stage in _ORDER else len(_ORDER)), stage


def _sum(samples: Iterable[Sample]) -> float:
    return sum(one.value for one in samples)
