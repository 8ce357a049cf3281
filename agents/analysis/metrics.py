"""What a metric's name says about it: its class and which way is bad. General words only, no system's own names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from agents.analysis.findings import CauseKind

__all__ = [
    "OUTWARD",
    "RESOURCES",
    "SYMPTOMS",
    "WAITING",
    "MetricNature",
    "is_share",
    "may_be_share",
    "nature_of",
]

RESOURCES = frozenset(
    {CauseKind.CPU, CauseKind.MEMORY, CauseKind.DISK, CauseKind.NETWORK, CauseKind.SATURATION}
)
SYMPTOMS = frozenset({CauseKind.LATENCY, CauseKind.ERRORS})
# What can be seen of a service from outside; any other metric proves that it is measured within.
OUTWARD = SYMPTOMS | {CauseKind.TRAFFIC}
# What fills up when those called are slow (connections, threads, queues): rate times latency, by Little's law.
WAITING = frozenset({CauseKind.SATURATION})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# Order matters: `cpu_requests`, `error_latency` and `network_errors` belong to the first class that matches.
_WORDS: Mapping[CauseKind, frozenset[str]] = {
    CauseKind.LATENCY: _words(
        "latency duration delay netdelay mrt rtt responsetime p50 p90 p95 p99 apdex",
    ),
    CauseKind.CPU: _words("cpu load load1 load5 throttled throttling steal runqueue"),
    CauseKind.MEMORY: _words("mem memory rss heap swap gc oom pgfault pgmajfault"),
    CauseKind.DISK: _words(
        "disk fs filesystem io iops iowait inode inodes diskio blkio volume read reads write writes",
    ),
    CauseKind.NETWORK: _words(
        "net network rx tx packet packets tcp udp retrans retransmit retransmits bandwidth",
    ),
    CauseKind.ERRORS: _words(
        "error errors err fail failed failure failures exception exceptions 5xx 4xx fault faults rejected "
        "timeout timeouts success successrate sr availability available uptime",
    ),
    CauseKind.SATURATION: _words(
        "pool connection connections conn queue queued backlog thread threads saturation slots sockets fds",
    ),
    CauseKind.TRAFFIC: _words(
        "request requests req reqs rps qps tps workload throughput traffic hits calls count ops sessions",
    ),
}
_GOOD_WHEN_HIGH = _words("success successrate sr availability available uptime apdex free idle")
_CLIENT = _words("client outbound downstream egress")
_STARVED = _words("steal starved contention")
# A unit that says nothing else; an unknown one may be this.
_OF_A_WHOLE = frozenset({"", "1", "%", "percent", "ratio"})
_SHARES = _words("ratio share usage use used utilization utilisation util rate wait iowait steal")


@dataclass(frozen=True, slots=True)
class MetricNature:
    """`kind` of metric; `good_high`: falling is bad; `client`: seen by a caller of others, so a symptom.

    `starved`: time spent waiting for a resource that others hold.
    """

    kind: CauseKind
    good_high: bool = False
    client: bool = False
    starved: bool = False


def is_share(metric: str) -> bool:
    """Whether the name is that of a share of a whole, where its unit has no dimension: a count has none either."""
    return bool(_tokens(metric) & _SHARES)


def may_be_share(unit: str) -> bool:
    """Whether what is measured in this unit may be a share of a whole: failures a second, or seconds of CPU, are none."""
    return unit.lower() in _OF_A_WHOLE


@lru_cache(maxsize=8192)
def nature_of(metric: str) -> MetricNature:
    """Class of a metric by the words in its name; `CauseKind.UNKNOWN` where none is known."""
    tokens = _tokens(metric)
    kind = next((kind for kind, marks in _WORDS.items() if marks & tokens), CauseKind.UNKNOWN)
    return MetricNature(kind, bool(tokens & _GOOD_WHEN_HIGH), bool(tokens & _CLIENT), bool(tokens & _STARVED))


def _tokens(metric: str) -> frozenset[str]:
    """The words of the name, and each two that stand side by side as one."""
    words = [word.lower() for word in _TOKEN.findall(metric)]
    return frozenset(words) | {a + b for a, b in pairwise(words)}
