"""Several processes share one engine, and nothing is lost or doubled when it is killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import Error

from tests.fakes.clickhouse_server import ClickHouseServer, start_clickhouse

pytestmark = pytest.mark.clickhouse

BATCH = 500
WRITER = """
import sys, clickhouse_connect
host, port, worker = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with clickhouse_connect.get_client(host=host, port=port) as client:
    for batch in range(20):
        client.insert("shared", [[worker, batch * 100 + row] for row in range(100)])
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        client = clickhouse_connect.get_client(host=server.host, port=server.port)
        client.command("CREATE TABLE shared (worker UInt8, row UInt32) ENGINE = MergeTree ORDER BY row")
        command = [sys.executable, "-c", WRITER, server.host, str(server.port)]
        writers = [subprocess.Popen([*command, str(worker)]) for worker in range(2)]

        assert [writer.wait(120) for writer in writers] == [0, 0]
        found = client.query("SELECT worker, count(), uniqExact(row) FROM shared GROUP BY 1 ORDER BY 1")
        assert found.result_rows == [(0, 2000, 2000), (1, 2000, 2000)]
        client.close()


def test_a_second_owner_of_the_directory_is_refused(tmp_path: Path) -> None:
    with (
        start_clickhouse(tmp_path),
        pytest.raises(RuntimeError, match="exit code 1"),
        start_clickhouse(tmp_path),
    ):
        pass


class _Writer(threading.Thread):
    """Lands numbered batches under their own tokens, each one again until the server says it has it."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.stop = threading.Event()
        self.acknowledged = 0
        self.failed = 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self._land(self.acknowledged)
                self.acknowledged += 1
            except (Error, OSError):
                self.failed += 1
                self.stop.wait(0.05)

    def _land(self, batch: int) -> None:
        rows = [[batch * BATCH + row] for row in range(BATCH)]
        settings = {"insert_deduplication_token": f"topic:0:{batch}"}
        with clickhouse_connect.get_client(host="127.0.0.1", port=self.port, query_retries=0) as client:
            client.insert("landed", rows, settings=settings)

    def reaches(self, batches: int) -> None:
        deadline = time.monotonic() + 120
        while self.acknowledged < batches:
            assert time.monotonic() < deadline, "the writer makes no progress"
            time.sleep(0.005)


def _create(server: ClickHouseServer) -> None:
    with clickhouse_connect.get_client(host=server.host, port=server.port) as client:
        client.command(
            "CREATE TABLE landed (id UInt64) ENGINE = MergeTree ORDER BY id "
            "SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1"
        )


def test_kill_9_amid_inserts_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as first:
        _create(first)
        port = first.port
        writer = _Writer(port)
        writer.start()
        writer.reaches(5)
        first.kill()
    for _ in range(3):
        with start_clickhouse(tmp_path, port=port) as server:
            writer.reaches(writer.acknowledged + 5)
            server.kill()
    with start_clickhouse(tmp_path, port=port) as server:
        writer.reaches(writer.acknowledged + 2)
        writer.stop.set()
        writer.join(60)
        with clickhouse_connect.get_client(host=server.host, port=port) as client:
            found = client.query("SELECT count(), uniqExact(id), max(id) FROM landed").first_row

    rows = writer.acknowledged * BATCH
    assert writer.failed > 0
    assert found == (rows, rows, rows - 1)


def test_data_is_there_after_a_clean_stop(tmp_path: Path) -> None:
    with start_clickhouse(tmp_path) as server:
        _create(server)
        with clickhouse_connect.get_client(host=server.host, port=server.port) as client:
            client.insert("landed", [[1], [2]])
        assert server.stop() == 0
    with (
        start_clickhouse(tmp_path) as server,
        clickhouse_connect.get_client(host=server.host, port=server.port) as client,
    ):
        assert client.command("SELECT count() FROM landed") == 2


def _land_in_parts(port: int, rows: int) -> None:
    """One insert under one token that the engine cuts into fifty parts."""
    body = b"".join(number.to_bytes(8, "little") for number in range(rows))
    settings = {
        "insert_deduplication_token": "topic:0:0-499999",
        "min_insert_block_size_rows": rows // 50,
        "min_insert_block_size_bytes": 0,
        "max_insert_block_size": rows // 50,
    }
    with clickhouse_connect.get_client(host="127.0.0.1", port=port, query_retries=0) as client:
        client.raw_insert("landed", ["id"], body, fmt="RowBinary", settings=settings)


def _interrupted(port: int, rows: int) -> None:
    with contextlib.suppress(Error, OSError):
        _land_in_parts(port, rows)


def test_kill_9_within_one_insert_of_many_parts_leaves_nothing_double(tmp_path: Path) -> None:
    rows = 500_000
    with start_clickhouse(tmp_path) as server:
        _create(server)
        landing = threading.Thread(target=_interrupted, args=(server.port, rows))
        with clickhouse_connect.get_client(host=server.host, port=server.port) as client:
            landing.start()
            while landing.is_alive() and client.command("SELECT count() FROM landed") == 0:
                pass
        server.kill()
        landing.join(60)
    with start_clickhouse(tmp_path) as server:
        for _ in range(2):
            _land_in_parts(server.port, rows)
        with clickhouse_connect.get_client(host=server.host, port=server.port) as client:
            found = client.query("SELECT count(), uniqExact(id), max(id) FROM landed").first_row

    assert found == (rows, rows, rows - 1)
