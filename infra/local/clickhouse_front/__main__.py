"""`python -m infra.local.clickhouse_front --data DIR --host 127.0.0.1 --port P`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# chDB tries to import pyarrow, and numpy with it, for results as Python tables: 0.2 s of each start, for nothing here.
sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]  # None is how a module is said to be absent

from infra.local.clickhouse_front.requests import Credentials  # noqa: E402 - after what it would import
from infra.local.clickhouse_front.server import FrontConfig, serve  # noqa: E402 - as above
from schemas.errors import ConfigurationError, TocsinError  # noqa: E402 - as above

__all__ = ["main"]


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.clickhouse_front",
        description="The embedded ClickHouse (chDB) behind ClickHouse's HTTP protocol.",
    )
    parser.add_argument("--data", type=Path, required=True, help="directory of the database, made if missing")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--pool", type=int, default=4, help="queries that run at once")
    parser.add_argument("--queue", type=int, default=256, help="queries that wait; one more is refused")
    parser.add_argument("--grace", type=int, default=8, help="seconds a stop waits for requests in flight")
    parser.add_argument("--user", help="the only user let in; everybody without it")
    parser.add_argument("--password-env", metavar="NAME", help="environment variable of that user's password")
    return parser


def _credentials(user: str | None, password_env: str | None) -> Credentials | None:
    if user is None and password_env is None:
        return None
    if password_env is None or password_env not in os.environ:
        raise ConfigurationError(
            "--user wants a password", cure="Name with --password-env an environment variable that is set."
        )
    return Credentials(user or "default", os.environ[password_env])


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal; 0 after a clean stop, 1 with the cause on standard error."""
    options = _arguments().parse_args(argv)
    try:
        serve(
            FrontConfig(
                data=options.data.resolve(),
                host=options.host,
                port=options.port,
                pool=options.pool,
                queue=options.queue,
                grace_s=options.grace,
                allowed=_credentials(options.user, options.password_env),
            )
        )
    except TocsinError as error:
        sys.stderr.write(f"{error} {error.cure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
