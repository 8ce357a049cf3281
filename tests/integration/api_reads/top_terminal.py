"""`tocsin top` as a process in a terminal of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Self

__all__ = ["DEADLINE_S", "Terminal"]

DEADLINE_S = 60


class Terminal:
    """A command in a terminal of its own, of 100 by 30."""

    def __init__(self, home: Path, *arguments: str, piped: bool = False) -> None:
        main, self._side = pty.openpty()
        self._main = main
        fcntl.ioctl(main, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.text = ""
        self._arguments = arguments
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")},
            "TERM": "xterm-256color",
            "XDG_CONFIG_HOME": str(home),
            "TOCSIN_API_KEY": "acme.admin",
        }
        self._env.pop("NO_COLOR", None)
        self._piped = piped
        os.set_blocking(main, False)

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "infra.cli.main",
            "top",
            *self._arguments,
            stdin=self._side,
            stdout=asyncio.subprocess.PIPE if self._piped else self._side,
            stderr=self._side,
            env=self._env,
            preexec_fn=self._take_terminal,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        os.close(self._main)
        os.close(self._side)

    def _take_terminal(self) -> None:
        os.setsid()
        fcntl.ioctl(self._side, termios.TIOCSCTTY, 0)

    def type(self, keys: bytes) -> None:
        os.write(self._main, keys)

    async def until(self, met: Callable[[str], bool]) -> str:
        async with asyncio.timeout(DEADLINE_S):
            while not met(self.text):
                self._read()
                assert self.process.returncode is None or met(self.text), self.text
                await asyncio.sleep(0.05)
        return self.text

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            while self.process.returncode is None:
                self._read()
                await asyncio.sleep(0.05)
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        try:
            while True:
                self.text += os.read(self._main, 65_536).decode(errors="replace")
        except OSError:
            pass
