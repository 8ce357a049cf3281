from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from infra.local.probes import AlwaysReady, HttpOk, KafkaAnswers, RedisAnswers, TcpOpen, attempt


@contextmanager
def _server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server for one connection, which `answer` handles; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                answer(link)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


def _says(*answers: bytes) -> Callable[[socket.socket], None]:
    def answer(link: socket.socket) -> None:
        for text in answers:
            link.recv(4096)
            link.sendall(text)

    return answer


def _frame(body: bytes) -> bytes:
    return struct.pack(">ii", len(body) + 4, 0x70C5) + body


def test_a_closed_port_is_not_ready_for_any_probe() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    for kind in (TcpOpen, HttpOk, KafkaAnswers, RedisAnswers):
        assert "refused" in (attempt(kind("127.0.0.1", port)) or "")


def test_always_ready_and_an_open_port_are_ready() -> None:
    assert attempt(AlwaysReady()) is None
    with _server(lambda _link: None) as port:
        assert attempt(TcpOpen("127.0.0.1", port)) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None),
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", "GET /ping answers 503"),
    ],
)
def test_http_is_ready_at_200_only(answer: bytes, expected: str | None) -> None:
    with _server(_says(answer)) as port:
        assert attempt(HttpOk("127.0.0.1", port, "/ping")) == expected


def test_http_that_answers_nonsense_is_not_ready() -> None:
    with _server(_says(b"SSH-2.0-hello\r\n")) as port:
        assert "BadStatusLine" in (attempt(HttpOk("127.0.0.1", port)) or "")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"+PONG\r\n", None),
        (b"-NOAUTH Authentication required.\r\n", None),
        (b"-LOADING Redis is loading\r\n", "PING answers '-LOADING Redis is loading'"),
    ],
)
def test_redis_is_ready_at_pong_or_when_it_asks_for_a_password(answer: bytes, expected: str | None) -> None:
    with _server(_says(answer)) as port:
        assert attempt(RedisAnswers("127.0.0.1", port)) == expected


@pytest.mark.parametrize(
    ("error", "alive", "expected"),
    [
        (0, 1, None),
        (0, 0, "0 of 1 brokers are registered"),
        (35, 1, "ApiVersions answers error 35"),
    ],
)
def test_kafka_is_ready_when_its_broker_is_registered(error: int, alive: int, expected: str | None) -> None:
    versions = _frame(struct.pack(">hi", error, 0))
    metadata = _frame(struct.pack(">i", alive))
    answers = (versions,) if error else (versions, metadata)
    with _server(_says(*answers)) as port:
        assert attempt(KafkaAnswers("127.0.0.1", port)) == expected


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n", struct.pack(">ii", 1 << 30, 0x70C5)])
def test_another_protocol_is_told_from_kafka(answer: bytes) -> None:
    with _server(_says(answer)) as port:
        assert "does not speak the Kafka protocol" in (attempt(KafkaAnswers("127.0.0.1", port)) or "")


def test_a_connection_closed_midway_is_not_ready() -> None:
    with _server(_says(_frame(struct.pack(">hi", 0, 0))[:7])) as port:
        assert "was closed" in (attempt(KafkaAnswers("127.0.0.1", port)) or "")


def test_a_silent_server_is_not_ready_after_the_time_out() -> None:
    done = threading.Event()
    with _server(lambda _link: (done.wait(10), None)[1]) as port:
        assert attempt(RedisAnswers("127.0.0.1", port), timeout_s=0.05) == "no answer within 0.05 s"
        done.set()
