"""Who may ask: one user and password, or everybody."""

from __future__ import annotations

import hmac

from infra.local.clickhouse_front.errors import AUTHENTICATION_FAILED, ClickHouseError
from infra.local.clickhouse_front.requests import Credentials

__all__ = ["check_access"]


def check_access(asked: Credentials, allowed: Credentials | None) -> None:
    """Let pass, or raise ClickHouseError (516); takes equally long for a wrong user and a wrong password.

    `allowed` None lets everybody in: the front then listens on a loopback address.
    """
    if allowed is None:
        return
    user = hmac.compare_digest(asked.user.encode(), allowed.user.encode())
    password = hmac.compare_digest(asked.password.encode(), allowed.password.encode())
    if not (user and password):
        raise ClickHouseError.refusal(
            AUTHENTICATION_FAILED,
            f"{asked.user}: Authentication failed: password is incorrect, or there is no user with such name.",
        )
