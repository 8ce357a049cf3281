from __future__ import annotations

from uuid import uuid4

import pytest

from streams.kafka import KafkaSettings


@pytest.fixture
def kafka(any_kafka: KafkaSettings) -> KafkaSettings:
    """Settings with a topic prefix of this test's own, and joins as quick as Tansu allows."""
    return any_kafka.model_copy(
        update={
            "topic_prefix": f"{uuid4().hex[:8]}.",
            "session_timeout_ms": 2_000,
            "heartbeat_interval_ms": 200,
            "rebalance_timeout_ms": 8_000,
        }
    )
