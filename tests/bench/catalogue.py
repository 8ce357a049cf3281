"""All benchmarks, in the order they run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module

from tests.bench.figures import Figure
from tests.bench.run import Run

__all__ = ["BENCHES", "Bench", "bench_called"]


@dataclass(frozen=True, slots=True)
class Bench:
    name: str
    title: str

    def measure(self) -> Callable[[Run], Awaitable[list[Figure]]]:
        """The benchmark's own function; imported late, so that listing them is quick."""
        module = import_module(f"tests.bench.benches.{self.name.replace('-', '_')}")
        measure: Callable[[Run], Awaitable[list[Figure]]] = module.measure
        return measure


BENCHES = (
    Bench("alarm-path", "Alarms with durable state, beside a Faust agent that does nothing"),
    Bench("open-incidents", "The alarm path with 100, 10,000 and 100,000 incidents open"),
    Bench("time-to-open", "From an alarm to its open investigation, at half load"),
    Bench("kpi-path", "KPI samples from the broker through detection"),
    Bench("landing", "Landing in ClickHouse, beside a bare columnar insert of the same rows"),
    Bench("cost-query", "A cost query over 100 million ledger rows"),
    Bench("analysis", "The analysis of an incident, beside BARO's robust scorer over the same samples"),
    Bench("investigation-cpu", "CPU of an investigation over the bare LangGraph graph"),
    Bench("waiting", "1,000 waiting investigations in one worker"),
    Bench("api-reads", "Reads over HTTP at 500 requests a second"),
)


def bench_called(name: str) -> Bench:
    """The benchmark of this name.

    Raises:
        LookupError: there is none.
    """
    for bench in BENCHES:
        if bench.name == name:
            return bench
    msg = f"no benchmark is called {name!r}; there are {', '.join(one.name for one in BENCHES)}"
    raise LookupError(msg)
