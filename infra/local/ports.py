"""Free TCP ports for local servers, and a clear word about who holds a taken one."""

from __future__ import annotations

import errno
import random
import socket
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import ConfigurationError

__all__ = ["Listener", "PortBook", "listener_of"]


_TRIES = 200
_LOWEST = 20_000
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LISTEN = "0A"


@dataclass(frozen=True, slots=True)
class Listener:
    """The process that listens on a port: its id and command line."""

    pid: int
    command: str


class PortBook:
    """Hands out each port once.

    Ports come from below the kernel's ephemeral range. A port inside it may be given to any outgoing connection
    while its server restarts; worse, a client that reconnects to its own machine can be given the very port it
    connects to, succeeds in connecting to itself, and so keeps the server from ever binding again.
    """

    def __init__(self, rng: random.Random, *, host: str = "127.0.0.1") -> None:
        self._rng = rng
        self._host = host
        self._taken: set[int] = set()

    def free(self) -> int:
        """A port that nobody listens on and this book has not given before.

        Raises:
            ConfigurationError: no free port was found.
        """
        highest = _ephemeral_start() - 1
        for _ in range(_TRIES):
            port = self._rng.randint(_LOWEST, highest)
            if port not in self._taken and _bind_error(self._host, port) is None:
                self._taken.add(port)
                return port
        raise ConfigurationError(
            f"no free port found between {_LOWEST} and {highest}", cure="Name the ports explicitly."
        )

    def claim(self, port: int, *, purpose: str) -> int:
        """`port` itself, if it can be bound now.

        Raises:
            ConfigurationError: it was given twice, is taken (names the listener where /proc tells) or is not allowed.
        """
        if port in self._taken:
            raise ConfigurationError(
                f"port {port} for {purpose} is already used by another part",
                cure="Give each part its own port.",
            )
        code = _bind_error(self._host, port)
        if code is not None:
            raise ConfigurationError(
                f"port {port} for {purpose} cannot be used: {_why(code, port)}",
                cure="Stop that process, or choose another port.",
            )
        self._taken.add(port)
        return port

    def choose(self, port: int | None, *, purpose: str) -> int:
        """The given port, checked, or a free one."""
        return self.free() if port is None else self.claim(port, purpose=purpose)


def listener_of(port: int) -> Listener | None:
    """Who listens on TCP `port`, or None where nobody does or /proc does not tell (other users' processes)."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening_inodes(table, port)}
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    return next((who for proc in Path("/proc").glob("[0-9]*") if (who := _holder(proc, wanted))), None)


def _why(code: int, port: int) -> str:
    if code == errno.EACCES:
        return "this user may not bind it"
    if code != errno.EADDRINUSE:
        return errno.errorcode.get(code, str(code))
    who = listener_of(port)
    return f"pid {who.pid} ({who.command}) listens on it" if who else "another process listens on it"


def _bind_error(host: str, port: int) -> int | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT is no obstacle
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno
    return None


def _ephemeral_start() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _listening_inodes(table: str, port: int) -> list[str]:
    try:
        lines = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _holder(proc: Path, wanted: set[str]) -> Listener | None:
    try:
        if not any(str(link.readlink()) in wanted for link in (proc / "fd").iterdir()):
            return None
        command = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return None
    return Listener(int(proc.name), command[:120])
