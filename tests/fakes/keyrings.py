"""A keyring without an operating system's."""

from __future__ import annotations

import keyring.backend

__all__ = ["KeptInMemory"]


class KeptInMemory(keyring.backend.KeyringBackend):
    """A keyring as an operating system's, for one test."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring says no types here
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]
