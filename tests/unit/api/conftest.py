from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_are_not_rendered() -> Iterator[None]:
    """Out of the box structlog renders tracebacks with every variable, which takes seconds for a handled request."""
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]):
        yield
