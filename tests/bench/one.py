"""Runs one benchmark in this process and prints its figures, a line of JSON each: `python -m tests.bench.one NAME`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import uvloop

from tests.bench.catalogue import bench_called
from tests.bench.figures import Figure
from tests.bench.run import Run
from tests.bench.workers.meter import quiet_logs

__all__ = ["run_one"]


async def run_one(name: str, *, quick: bool) -> list[Figure]:
    """Measure. Raises LookupError for a name that is none, and what the benchmark raises."""
    measure = bench_called(name).measure()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-") as folder:
        return await measure(Run(Path(folder), quick))


if __name__ == "__main__":
    quiet_logs()
    figures = uvloop.run(run_one(sys.argv[1], quick="--quick" in sys.argv[2:]))
    for figure in figures:
        print(json.dumps(figure.to_json()))  # noqa: T201 - the parent reads it
