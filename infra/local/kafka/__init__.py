"""Apache Kafka without Docker: jars by Maven, a KRaft broker and controller in one Java process per node."""

from __future__ import annotations

from infra.local.kafka.jars import fetch_jars, find_java
from infra.local.kafka.node import KafkaCluster, KafkaNode, keep_cluster_id, node_spec, prepare_node

__all__ = [
    "KafkaCluster",
    "KafkaNode",
    "fetch_jars",
    "find_java",
    "keep_cluster_id",
    "node_spec",
    "prepare_node",
]
