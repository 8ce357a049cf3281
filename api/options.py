"""What can be set about the API, as it sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ApiOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """Limits and secrets of one process. Times in seconds, sizes in bytes."""

    version: str
    cursor_secret: bytes = field(repr=False)
    """Signs cursors; the same in every process that serves the same address."""
    max_body: int = 4 * 1024 * 1024
    max_json_depth: int = 32
    probe_timeout_s: float = 1.0
    probe_keep_s: float = 1.0
    """How long an answer of the probes is given again."""
    read_keep_s: float = 0.0
    """Answers of reads are kept, and how often it is looked whether something has landed since; 0 keeps none."""
    retry_after_s: int = 5
    """What a caller is told to wait when a dependency is away and does not say how long."""
