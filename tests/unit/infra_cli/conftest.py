from __future__ import annotations

import keyring
import pytest

from tests.fakes.keyrings import KeptInMemory


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> KeptInMemory:
    made = KeptInMemory()
    monkeypatch.setattr(keyring, "get_keyring", lambda: made)
    return made
