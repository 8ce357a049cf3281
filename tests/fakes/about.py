"""A float that is near enough, to stand among exact values in a tuple or a dict."""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["about"]


def about(value: float, rel: float = 1e-6) -> Any:
    """Return what equals the value within the relative tolerance. `Any`: mypy holds tuples to their types."""
    return pytest.approx(value, rel=rel)
