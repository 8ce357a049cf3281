"""Asking this machine's own tables, in commands that could as well ask elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from infra.cli.tables import ask
from infra.runtime.settings import Settings
from schemas.errors import UnavailableError
from sinks.clickhouse.client import ClickHouse

__all__ = ["ask_here"]

_T = TypeVar("_T")

_ELSEWHERE: Final = (
    "An installation elsewhere is asked with --url or --context: `tocsin context add` names one."
)


def ask_here(settings: Settings, question: Callable[[ClickHouse], Awaitable[_T]]) -> _T:
    """Ask as `ask` does; where there is nothing here to ask, the cure tells of elsewhere, too."""
    try:
        return ask(settings, question)
    except UnavailableError as error:
        if settings.clickhouse.url:
            raise
        raise UnavailableError(str(error), cure=f"{error.cure} {_ELSEWHERE}".strip()) from error
