"""Where the API is told to be: its port, its probe, and what `doctor` says of it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.cli.local_stack import GivenPorts, LocalStack, plan_of
from infra.local.ports import PortBook
from infra.local.probes import HttpOk
from infra.local.reachability import why_no_api
from infra.local.stack import StackPlan, build_stack
from infra.runtime.settings import Settings
from schemas.errors import ConfigurationError


@pytest.fixture
def ports() -> PortBook:
    return PortBook(random.SystemRandom())


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("10.1.2.3", "10.1.2.3")],
)
def test_it_is_where_this_machine_reaches_it(tmp_path: Path, ports: PortBook, host: str, shown: str) -> None:
    port = PortBook(random.SystemRandom()).free()
    plan = StackPlan(data_dir=tmp_path, with_api=True, api_host=host, api_port=port)
    assert build_stack(plan, ports).addresses.api_url == f"http://{shown}:{port}"


def test_without_the_role_there_is_none(tmp_path: Path, ports: PortBook) -> None:
    assert build_stack(StackPlan(data_dir=tmp_path), ports).addresses.api_url is None
    settings = Settings(data_dir=tmp_path)
    assert LocalStack(settings, roles=("stream",))._build().addresses.api_url is None


def test_a_taken_port_is_told(tmp_path: Path, ports: PortBook) -> None:
    port = ports.free()
    with pytest.raises(ConfigurationError, match="the API"):
        build_stack(StackPlan(data_dir=tmp_path, with_api=True, api_port=port), ports)


def test_the_role_gets_the_port_and_is_there_when_it_answers(tmp_path: Path) -> None:
    stack = LocalStack(Settings(data_dir=tmp_path))._build()
    (role,) = [spec for spec in stack.specs if spec.name == "api"]
    port, metrics = role.ports
    assert stack.addresses.api_url == f"http://127.0.0.1:{port}"
    assert role.ready == HttpOk("127.0.0.1", port, "/health")
    assert (role.env["TOCSIN_API__PORT"], role.env["TOCSIN_TELEMETRY__METRICS_PORT"]) == (
        str(port),
        str(metrics),
    )


def test_the_option_comes_before_the_setting(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "api": {"port": 8080, "host": "::1"}})
    assert plan_of(settings, "tansu", GivenPorts(api=9090)).api_port == 9090
    plan = plan_of(settings, "tansu", GivenPorts())
    assert (plan.api_host, plan.api_port, plan.with_api) == ("::1", 8080, True)


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server wants
            self.send_response(status if self.path == "/ready" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "parts", "told"),
    [
        (200, {"redis": True}, None),
        (503, {"redis": False, "sql": True}, "/ready answers 503, not ready: redis"),
        (503, {"redis": True}, "/ready answers 503, not ready: it is stopping"),
    ],
)
def test_doctor_names_what_is_not_ready(status: int, parts: dict[str, bool], told: str | None) -> None:
    with answering(status, json.dumps({"parts": parts}).encode()) as url:
        assert why_no_api(url) == told


def test_doctor_says_why_nobody_answers() -> None:
    assert "ConnectError" in str(why_no_api("http://127.0.0.1:1"))
    with answering(200, b"<html>") as url:
        assert "JSONDecodeError" in str(why_no_api(url))
