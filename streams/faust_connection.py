"""Our connection settings in Faust's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust import SASLCredentials, SSLCredentials
from faust.transport.drivers.aiokafka import Producer
from yarl import URL

from streams.kafka import KafkaSettings, tls_context

__all__ = ["connection_of", "producer_of"]


def connection_of(settings: KafkaSettings) -> dict[str, Any]:
    """The arguments of `faust.App` that say where the broker is and how patient the group is."""
    servers = [one.strip() for one in settings.bootstrap_servers.split(",")]
    return {
        "broker": [URL(f"aiokafka://{one}") for one in servers],
        "broker_client_id": settings.client_id,
        "broker_credentials": _credentials(settings),
        "broker_session_timeout": settings.session_timeout_ms / 1000,
        "broker_heartbeat_interval": settings.heartbeat_interval_ms / 1000,
        "broker_rebalance_timeout": settings.rebalance_timeout_ms / 1000,
        "broker_request_timeout": max(settings.request_timeout_ms, settings.session_timeout_ms + 1000) / 1000,
        "producer_compression_type": None if settings.compression == "none" else settings.compression,
    }


def producer_of(settings: KafkaSettings) -> type[Producer]:
    """Return Faust's producer, which sends the changelogs of the tables; idempotent where the broker allows."""
    return _IdempotentProducer if settings.idempotent else Producer


class _IdempotentProducer(Producer):
    def _settings_extra(self) -> Mapping[str, Any]:
        # Faust knows idempotence only together with its transactions.
        return {"acks": "all", "enable_idempotence": True}


def _credentials(settings: KafkaSettings) -> Any:
    context = tls_context(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        return SASLCredentials(
            mechanism=settings.sasl_mechanism,
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
