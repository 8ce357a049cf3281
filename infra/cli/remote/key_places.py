"""Where the keys to installations elsewhere are kept: a file of the user's, or the operating system's keyring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.cli.remote.contexts import Context
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

__all__ = ["forget_in_keyring", "is_private", "keep_in_keyring", "read_key", "read_key_file"]

_SERVICE: Final = "tocsin"
_OTHERWISE: Final = (
    "Keep the key in a file that only you can read and name it with --key-file, or set TOCSIN_API_KEY."
)


def read_key(name: str, context: Context) -> str | None:
    """Return the key of a context, None where it names no place. Blocks. Raises ConfigurationError."""
    if context.key_file is not None:
        return read_key_file(context.key_file)
    return _from_keyring(name) if context.keyring else None


def read_key_file(path: Path) -> str:
    """Return the key that the file holds, alone. Raises ConfigurationError."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ConfigurationError(
            f"the key file {path} cannot be read: {why}",
            cure="Put the key there, alone in the file, or add the context again with another --key-file.",
        ) from error
    if not text or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"{path} holds no key",
            cure="A key file holds one key and nothing else; `tocsin keys create` makes one.",
        )
    return text


def is_private(path: Path) -> bool:
    """Whether nobody but its owner may read the file."""
    return path.stat().st_mode & 0o077 == 0


def keep_in_keyring(name: str, ask: Callable[[], str]) -> None:
    """Ask for the key and keep it. May have the keyring unlocked. Raises ConfigurationError where there is none."""
    keyring, failures = _keyring()
    try:
        keyring.get_password(_SERVICE, name)  # before anybody has typed a key for nothing
        key = ask()
        keyring.set_password(_SERVICE, name, key)
        kept = keyring.get_password(_SERVICE, name)
    except failures as error:
        raise _unusable(error) from error
    if kept != key:
        raise ConfigurationError(f"the keyring ({keyring.name}) does not keep keys", cure=_OTHERWISE)


def forget_in_keyring(name: str) -> None:
    """Delete the key, if it is there. Raises ConfigurationError."""
    keyring, failures = _keyring()
    try:
        if keyring.get_password(_SERVICE, name) is not None:
            keyring.delete_password(_SERVICE, name)
    except failures as error:
        raise _unusable(error) from error


def _from_keyring(name: str) -> str:
    keyring, failures = _keyring()
    try:
        found = keyring.get_password(_SERVICE, name)
    except failures as error:
        raise _unusable(error) from error
    if not found:
        raise ConfigurationError(
            f"the keyring has no key of the context {name!r}",
            cure="Give it again: `tocsin context add` with --keyring.",
        )
    return found


def _keyring() -> tuple[KeyringBackend, type[Exception]]:
    # Finding the backends takes longer than most commands, and most keys are in files.
    import keyring  # noqa: PLC0415
    from keyring.errors import KeyringError  # noqa: PLC0415

    return keyring.get_keyring(), KeyringError


def _unusable(error: Exception) -> ConfigurationError:
    # NoKeyringError is also a RuntimeError; every other failure says what it is about, such as a locked keyring.
    if isinstance(error, RuntimeError):
        return ConfigurationError(
            "there is no keyring here: no Secret Service, KWallet, macOS Keychain or Windows Vault answers",
            cure=_OTHERWISE,
        )
    return ConfigurationError(f"the keyring cannot be used: {error}", cure=_OTHERWISE)
