from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.deploy.healthcheck import is_healthy, main
from infra.runtime.telemetry import PrometheusRecorder, serve_metrics


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/")))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named so by the library
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (204, False), (404, False), (503, False)])
def test_only_200_is_healthy(server: str, status: int, healthy: bool) -> None:
    assert is_healthy(f"{server}/{status}") is healthy
    assert main([f"{server}/{status}"], {}) == (0 if healthy else 1)


def test_nobody_there_is_not_healthy() -> None:
    with serve_metrics(PrometheusRecorder.create(), 0) as port:
        pass
    assert not is_healthy(f"http://127.0.0.1:{port}/metrics")


def test_without_an_address_it_asks_the_metrics_of_this_role() -> None:
    with serve_metrics(PrometheusRecorder.create(), 0) as port:
        assert main([], {"TOCSIN_TELEMETRY__METRICS_PORT": str(port)}) == 0


def test_a_file_is_no_address() -> None:
    with pytest.raises(ValueError, match="not an HTTP address"):
        is_healthy("file:///etc/passwd")
