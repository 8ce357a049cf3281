"""Where the logs of a command go: its standard output is its answer."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

__all__ = ["logs_aside"]


@contextmanager
def logs_aside() -> Iterator[None]:
    """Send warnings to standard error, and nothing else anywhere; afterwards logs go where they went."""
    before = structlog.get_config() if structlog.is_configured() else None
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)
