"""The pepper: a secret beside the database, without which what is kept of the keys proves nothing."""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

__all__ = ["derived", "load_pepper"]

_BYTES: Final = 32
_FEWEST: Final = 16


def load_pepper(path: Path, random_bytes: Callable[[int], bytes]) -> bytes:
    """Read the pepper, and make it, mode 0600, where there is none. Several processes may do so at once. Blocks.

    Raises:
        ConfigurationError: the file cannot be read or made, or holds too little.
    """
    try:
        if not path.exists():
            _make(path, random_bytes(_BYTES).hex())
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"the secret {path} cannot be used: {error.strerror}",
            cure="Run as the user who owns it, or name another with TOCSIN_API__PEPPER_FILE.",
        ) from error
    if len(text) < _FEWEST:
        raise ConfigurationError(
            f"the secret {path} holds {len(text)} characters, fewer than {_FEWEST}",
            cure="Restore it from a backup; with another one all API keys stop working.",
        )
    return text.encode()


def derived(pepper: bytes, purpose: str) -> bytes:
    """Return a secret for another purpose, from which the pepper cannot be told."""
    return hmac.digest(pepper, purpose.encode(), hashlib.sha256)


def _make(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    opened, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".new", dir=path.parent)  # mode 0600
    draft = Path(name)
    with os.fdopen(opened, "w") as file:
        file.write(text + "\n")
    try:
        # A link, unlike a rename, leaves the one that another process has just made.
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
