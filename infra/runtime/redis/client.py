"""One Redis client per process, owned by a context manager; its errors become ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from schemas.errors import TerminalError, UnavailableError

__all__ = ["Redis", "load_script", "open_redis", "redis_errors"]

_CONNECTIONS = 32
"""Callers beyond this wait their turn."""


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[Redis]:
    """Yield a client with decoded answers. Connects on first use; closes at the end."""
    pool = BlockingConnectionPool.from_url(
        url, decode_responses=True, socket_timeout=5, socket_connect_timeout=5, max_connections=_CONNECTIONS
    )
    client = Redis.from_pool(pool)
    try:
        yield client
    finally:
        await client.aclose()


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn the client's errors into UnavailableError or TerminalError."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise UnavailableError(
            f"Redis does not answer: {error}", cure="Run `tocsin doctor`; it names the address."
        ) from error
    except RedisError as error:
        raise TerminalError(f"Redis refuses: {error}") from error


def load_script(name: str) -> str:
    """Return the text of a Lua script beside this module."""
    return (Path(__file__).parent / f"{name}.lua").read_text(encoding="utf-8")
