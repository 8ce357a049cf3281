"""Faust's aiokafka transport with a say in how long the broker may hold back a fetch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import faust
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types.transports import ConsumerT
from yarl import URL

__all__ = ["PromptTransport"]


class _PromptThread(AIOKafkaConsumerThread):
    """Faust asks the broker to wait 1.5 s for data. Kafka answers as soon as there is some; Tansu waits half of it."""

    def _create_worker_consumer(self, transport: Transport) -> Any:
        assert isinstance(transport, PromptTransport)
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - Faust offers no setting for it
        return consumer


class _PromptConsumer(Consumer):
    def _new_consumer_thread(self) -> _PromptThread:
        return _PromptThread(self, loop=self.loop, beacon=self.beacon)


class PromptTransport(Transport):
    """To be set as `app.transport` before the app starts; the broker holds a fetch for `fetch_wait_ms` at most."""

    Consumer: ClassVar[type[ConsumerT]] = _PromptConsumer

    def __init__(self, brokers: Sequence[URL], app: faust.App, *, fetch_wait_ms: int) -> None:
        super().__init__(list(brokers), app)
        self.fetch_wait_ms = fetch_wait_ms
