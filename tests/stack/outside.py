"""A Tocsin whose servers are elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.e2e.stack import RunningStack

__all__ = ["OutsideStack"]


@dataclass(frozen=True, slots=True)
class OutsideStack:
    """`settings` are what it was started with, in the environment."""

    running: RunningStack
    settings: Mapping[str, str]
