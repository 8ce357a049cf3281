from __future__ import annotations

import pytest

from agents.analysis.findings import CauseKind
from agents.analysis.metrics import nature_of


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("cpu_usage", CauseKind.CPU),
        ("cpu.rate", CauseKind.CPU),
        ("container_cpu_usage_seconds", CauseKind.CPU),
        ("memory_bytes", CauseKind.MEMORY),
        ("mem.mi", CauseKind.MEMORY),
        ("gc_pause_ms", CauseKind.MEMORY),
        ("jvmHeapUsed", CauseKind.MEMORY),
        ("disk_used_ratio", CauseKind.DISK),
        ("system.io.w_s", CauseKind.DISK),
        ("container_fs_reads./dev/vda", CauseKind.DISK),
        ("net.rx", CauseKind.NETWORK),
        ("net_retransmits", CauseKind.NETWORK),
        ("latency_p95_ms", CauseKind.LATENCY),
        ("http_request_duration_seconds", CauseKind.LATENCY),
        ("LatencyP90", CauseKind.LATENCY),
        ("grpc-mrt", CauseKind.LATENCY),
        ("error_rate", CauseKind.ERRORS),
        ("success.rate", CauseKind.ERRORS),
        ("http_5xx_total", CauseKind.ERRORS),
        ("availability.Average", CauseKind.ERRORS),
        ("pool_in_use", CauseKind.SATURATION),
        ("threads", CauseKind.SATURATION),
        ("request_rate", CauseKind.TRAFFIC),
        ("requests.Sum", CauseKind.TRAFFIC),
        ("workload", CauseKind.TRAFFIC),
        ("moon_phase", CauseKind.UNKNOWN),
        ("", CauseKind.UNKNOWN),
    ],
)
def test_a_name_tells_the_kind(metric: str, kind: CauseKind) -> None:
    assert nature_of(metric).kind is kind


@pytest.mark.parametrize(
    ("metric", "good_high"),
    [
        ("success_rate", True),
        ("availability", True),
        ("disk_free", True),
        ("error_rate", False),
        ("cpu_usage", False),
    ],
)
def test_a_name_tells_which_way_is_bad(metric: str, good_high: bool) -> None:
    assert nature_of(metric).good_high is good_high


def test_a_name_tells_who_measures() -> None:
    assert nature_of("latency.client.p90").client
    assert not nature_of("latency.server.p90").client
    assert nature_of("cpu_steal").starved
    assert not nature_of("cpu_usage").starved
