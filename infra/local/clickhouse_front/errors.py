"""ClickHouse's own error codes, and the HTTP status each one answers with.

Source: ClickHouse `src/Common/ErrorCodes.cpp` and `src/Server/HTTP/exceptionCodeToHTTPStatus.cpp`.
"""

from __future__ import annotations

import re
from typing import Final

from schemas.errors import TocsinError

__all__ = [
    "AUTHENTICATION_FAILED",
    "BAD_ARGUMENTS",
    "CANNOT_DECOMPRESS",
    "NOT_IMPLEMENTED",
    "QUERY_IS_TOO_LARGE",
    "REQUIRED_PASSWORD",
    "SYNTAX_ERROR",
    "TOO_MANY_SIMULTANEOUS_QUERIES",
    "UNKNOWN_COMPRESSION_METHOD",
    "UNKNOWN_FORMAT",
    "UNKNOWN_SETTING",
    "ClickHouseError",
    "http_status",
]

BAD_ARGUMENTS: Final = 36
NOT_IMPLEMENTED: Final = 48
SYNTAX_ERROR: Final = 62
UNKNOWN_FORMAT: Final = 73
UNKNOWN_COMPRESSION_METHOD: Final = 89
UNKNOWN_SETTING: Final = 115
REQUIRED_PASSWORD: Final = 194
TOO_MANY_SIMULTANEOUS_QUERIES: Final = 202
QUERY_IS_TOO_LARGE: Final = 229
CANNOT_DECOMPRESS: Final = 271
AUTHENTICATION_FAILED: Final = 516
_UNKNOWN_EXCEPTION: Final = 1002

_NAMES: Final = {
    BAD_ARGUMENTS: "BAD_ARGUMENTS",
    NOT_IMPLEMENTED: "NOT_IMPLEMENTED",
    SYNTAX_ERROR: "SYNTAX_ERROR",
    QUERY_IS_TOO_LARGE: "QUERY_IS_TOO_LARGE",
    UNKNOWN_FORMAT: "UNKNOWN_FORMAT",
    UNKNOWN_COMPRESSION_METHOD: "UNKNOWN_COMPRESSION_METHOD",
    UNKNOWN_SETTING: "UNKNOWN_SETTING",
    REQUIRED_PASSWORD: "REQUIRED_PASSWORD",
    TOO_MANY_SIMULTANEOUS_QUERIES: "TOO_MANY_SIMULTANEOUS_QUERIES",
    CANNOT_DECOMPRESS: "CANNOT_DECOMPRESS",
    AUTHENTICATION_FAILED: "AUTHENTICATION_FAILED",
}
# Grouped by status as exceptionCodeToHTTPStatus.cpp groups them, the numbers from system.errors.
_STATUS_CODES: Final[dict[int, tuple[int, ...]]] = {
    400: (
        *(6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376),
        *(427, 441, 675, 676),
    ),
    401: (REQUIRED_PASSWORD,),
    403: (192, 193, 497, 512, AUTHENTICATION_FAILED),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (QUERY_IS_TOO_LARGE,),
    415: (779,),
    501: (NOT_IMPLEMENTED,),
    # ClickHouse answers 500 to code 202; 503 is what HTTP clients know to retry.
    503: (76, 209, 439, TOO_MANY_SIMULTANEOUS_QUERIES),
}
_STATUS: Final = {code: status for status, codes in _STATUS_CODES.items() for code in codes}
_ENGINE_TEXT: Final = re.compile(r"Code: (\d+)\. DB::Exception: ", re.DOTALL)


class ClickHouseError(TocsinError):
    """A refusal or failure as a ClickHouse client understands it; `code` is ClickHouse's error code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def refusal(cls, code: int, reason: str) -> ClickHouseError:
        """An error of the front itself, worded as the engine words its own."""
        return cls(code, f"Code: {code}. DB::Exception: {reason} ({_NAMES[code]})")

    @classmethod
    def from_engine(cls, text: str) -> ClickHouseError:
        """The engine's exception text, stripped of what Python put before it."""
        found = _ENGINE_TEXT.search(text)
        if found is None:
            code = _UNKNOWN_EXCEPTION
            return cls(code, f"Code: {code}. DB::Exception: {text} (UNKNOWN_EXCEPTION)")
        return cls(int(found.group(1)), text[found.start() :])


def http_status(code: int) -> int:
    """The HTTP status ClickHouse gives an error code; 500 for every code it does not single out."""
    return _STATUS.get(code, 500)
