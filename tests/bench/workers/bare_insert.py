"""The rows of one table into another of the same definition, by column, with the plain client and nothing else.

`python -m tests.bench.workers.bare_insert HOST PORT FROM TO BATCHES`; BATCHES is a JSON list of rows per insert. Rows are
read beforehand, as Python values in the form that the client encodes fastest, and are not part of the time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import clickhouse_connect
from clickhouse_connect.driver import Client, options

# The driver would load pandas at the first insert (sinks/clickhouse/client.py).
options.pd = options.pd_time_test = None

_INTEGERS = {"DateTime*": "int"}


def _main(host: str, port: int, source: str, target: str, batches: list[int]) -> None:
    client = clickhouse_connect.get_client(host=host, port=port, autogenerate_session_id=False)
    described = client.query(f"DESCRIBE TABLE {source}").result_rows
    stored = [(row[0], row[1]) for row in described if row[2] != "ALIAS"]
    names, types = [name for name, _ in stored], [kind for _, kind in stored]
    seconds = 0.0
    for columns in _read(client, source, names, batches):
        began = time.perf_counter()
        client.insert(target, columns, column_names=names, column_type_names=types, column_oriented=True)
        seconds += time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "cpu_seconds": time.process_time()}), flush=True)  # noqa: T201 - the parent reads it


def _read(client: Client, table: str, names: list[str], batches: list[int]) -> Iterator[list[list[object]]]:
    offset = 0
    for rows in batches:
        sql = f"SELECT {', '.join(names)} FROM {table} LIMIT {rows} OFFSET {offset}"  # noqa: S608 - names of our own tables
        answer = client.query(sql, query_formats=_INTEGERS)
        yield [list(column) for column in answer.result_columns]
        offset += rows


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], json.loads(sys.argv[5]))
