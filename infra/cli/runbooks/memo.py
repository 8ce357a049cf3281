"""What servers said of the pages that were imported, between two imports. Losing it costs a second reading, nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from infra.cli.runbooks.web import Stamp

__all__ = ["memo_file", "read_memo", "write_memo"]

_NAME: Final = "runbook-pages.json"


def memo_file(environ: Mapping[str, str]) -> Path:
    """Return where it is kept: in the user's cache folder."""
    cache = environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "tocsin" / _NAME


def read_memo(path: Path, where: str) -> dict[str, Stamp]:
    """Return the stamps of the installation `where`; none where they cannot be read. Blocks on the disk."""
    try:
        known = orjson.loads(path.read_bytes())[where]
        return {url: Stamp(str(stamp[0]), str(stamp[1])) for url, stamp in known.items()}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def write_memo(path: Path, where: str, stamps: Mapping[str, Stamp]) -> None:
    """Keep them, whole or not at all. Blocks on the disk; raises OSError."""
    try:
        every = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        every = {}
    kept = every if isinstance(every, dict) else {}
    kept[where] = {url: [stamp.etag, stamp.modified] for url, stamp in stamps.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_bytes(orjson.dumps(kept))
    draft.replace(path)
