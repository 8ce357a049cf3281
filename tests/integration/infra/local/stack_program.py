"""A program that runs a stack as `tocsin up` does: its servers, and two small roles of which one forks.

    python stack_program.py DATA_DIR [--front]

Each event is one line on standard output: kind, name and pid. Without --front no ClickHouse is started.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from infra.local.backoff import RestartPolicy
from infra.local.events import ProcessEvent
from infra.local.ports import PortBook
from infra.local.process import ProcessSpec
from infra.local.stack import Stack, StackPlan, build_stack
from infra.local.state import Addresses
from infra.local.stop_request import stop_on_signals
from infra.local.up import running_stack

_FORKS = "import os, time; os.fork(); time.sleep(600)"


def _roles(data_dir: Path, addresses: Addresses) -> list[ProcessSpec]:
    where = {"KAFKA": addresses.kafka}
    argv = (sys.executable, "-S", "-c", _FORKS)
    return [
        ProcessSpec(name=name, argv=argv, env=where, log_file=data_dir / f"{name}.log")
        for name in ("land", "api")
    ]


def _say(event: ProcessEvent) -> None:
    sys.stdout.write(f"{type(event).__name__} {event.name} {getattr(event, 'pid', '-')}\n")
    sys.stdout.flush()


async def _main(data_dir: Path, *, front: bool) -> None:
    plan = StackPlan(data_dir=data_dir, external_clickhouse=None if front else "http://127.0.0.1:1")

    def build() -> Stack:
        return build_stack(plan, PortBook(random.SystemRandom()), lambda where: _roles(data_dir, where))

    with stop_on_signals() as stop:
        async with running_stack(
            data_dir,
            build,
            on_event=_say,
            rng=random.Random(1),
            policy=RestartPolicy(base_s=0.05, cap_s=0.5),
            stop=stop,
        ) as running:
            sys.stdout.write("up\n")
            sys.stdout.flush()
            await running.supervisor.run()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), front="--front" in sys.argv))
