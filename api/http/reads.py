"""How a handler of the reading side reaches its dependencies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.http.deps import deps_of
from api.read_ports import ReadDeps

__all__ = ["Reads", "reads_of"]


async def reads_of(connection: HTTPConnection) -> ReadDeps:
    return deps_of(connection).reads


Reads = Annotated[ReadDeps, Depends(reads_of)]
"""What a handler writes in its signature."""
