from __future__ import annotations

import os
import random
import socket

import pytest

from infra.local.ports import Listener, PortBook, listener_of
from schemas.errors import ConfigurationError


@pytest.fixture
def book() -> PortBook:
    return PortBook(random.SystemRandom())


def _listening() -> socket.socket:
    server = socket.create_server(("127.0.0.1", 0))
    server.listen()
    return server


def test_free_ports_differ_and_can_be_bound(book: PortBook) -> None:
    ports = [book.free() for _ in range(20)]

    assert len(set(ports)) == 20
    with socket.create_server(("127.0.0.1", ports[0])):
        pass


def test_free_ports_lie_below_the_range_of_outgoing_connections(book: PortBook) -> None:
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:  # noqa: PTH123 - a kernel file
        lowest_outgoing = int(file.read().split()[0])

    assert all(20_000 <= book.free() < lowest_outgoing for _ in range(20))


def test_a_taken_port_is_refused_with_the_name_of_who_listens(book: PortBook) -> None:
    with _listening() as server:
        port = server.getsockname()[1]
        with pytest.raises(
            ConfigurationError, match=rf"port {port} for Redis .* pid {os.getpid()} \("
        ) as caught:
            book.claim(port, purpose="Redis")

    assert caught.value.cure


def test_a_port_given_twice_is_refused(book: PortBook) -> None:
    port = book.free()

    with pytest.raises(ConfigurationError, match="already used by another part"):
        book.claim(port, purpose="Redis")


def test_a_given_free_port_is_kept(book: PortBook) -> None:
    with _listening() as server:
        port = server.getsockname()[1]

    assert book.choose(port, purpose="Redis") == port
    assert book.choose(None, purpose="Redis") != port


def test_the_listener_of_a_port_is_found_also_on_ipv6() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        server.listen()
        who = listener_of(server.getsockname()[1])

    assert isinstance(who, Listener)
    assert who.pid == os.getpid()
    assert "python" in who.command


def test_nobody_listens_on_a_closed_port() -> None:
    with _listening() as server:
        port = server.getsockname()[1]

    assert listener_of(port) is None
