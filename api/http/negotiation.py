"""Which of several formats a caller wants (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from api.http.problem import Problem

__all__ = ["choose"]


def choose(request: Request, offers: Sequence[str]) -> str:
    """Return the offered media type that the caller prefers, the first where any will do. Raises a 406 problem."""
    accept = request.headers.get("accept", "*/*")
    wanted = [_range(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    quality = {offer: _quality(offer, wanted) for offer in offers}
    best = max(offers, key=lambda offer: quality[offer])
    if quality[best] <= 0:
        raise Problem(406, "not-acceptable", f"There is {', '.join(offers)}; none was asked for.")
    return best


def _range(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(offer: str, wanted: Sequence[tuple[str, float]]) -> float:
    """The most specific range that covers the offer decides."""
    kind = offer.partition("/")[0]
    for covering in (offer, f"{kind}/*", "*/*"):
        for name, quality in wanted:
            if name == covering:
                return quality
    return 0.0
