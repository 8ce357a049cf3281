"""A person at a command line who has an address and a key."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner, Result

from infra.cli.main import app
from schemas.errors import TocsinError

__all__ = ["Person"]


@dataclass(frozen=True, slots=True)
class Person:
    """Runs commands in a thread, while a server answers in this loop."""

    url: str
    key: str = "acme.admin"

    async def run(self, *arguments: str, **environ: str) -> Result:
        """Raises the command's TocsinError; any other end than 0 fails the test."""
        env = {"TOCSIN_URL": self.url, "TOCSIN_API_KEY": self.key, "COLUMNS": "200", **environ}
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=env)
        if isinstance(done.exception, TocsinError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done

    async def json(self, *arguments: str, **environ: str) -> list[Any]:
        done = await self.run(*arguments, "--json", **environ)
        return [json.loads(line) for line in done.stdout.splitlines()]
