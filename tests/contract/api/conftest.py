from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.contract.api.full_api import ServedApi, served


@pytest.fixture(scope="module")
def served_api(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    """One API for all who ask it over HTTP in a module; what it changed about logs ends with it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    folder: Path = tmp_path_factory.mktemp("served-api")
    try:
        with served(redis_url, folder) as running:
            yield running
    finally:
        structlog.reset_defaults()
