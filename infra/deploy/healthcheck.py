"""`python -m infra.deploy.healthcheck [URL]`: exit status 0 where the URL answers 200 within 3 seconds, else 1.

Without a URL it asks this role's own /metrics. That shows a process that lives, not one that gets on: for that there
are alert rules on lag.
"""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Mapping, Sequence

__all__ = ["is_healthy", "main"]

_DEADLINE_S = 3.0


def is_healthy(url: str) -> bool:
    """Blocks for at most 3 seconds between bytes. Raises ValueError for what is no HTTP address."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not an HTTP address: {url}")
    try:
        with urllib.request.urlopen(url, timeout=_DEADLINE_S) as answer:  # noqa: S310 - checked just above
            return bool(answer.status == 200)
    except OSError:
        return False


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    port = environment.get("TOCSIN_TELEMETRY__METRICS_PORT", "9464")
    url = arguments[0] if arguments else f"http://127.0.0.1:{port}/metrics"
    return 0 if is_healthy(url) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
