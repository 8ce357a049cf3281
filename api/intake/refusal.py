"""Why a body is refused as a whole, and why one item of it."""

from __future__ import annotations

from enum import StrEnum

from schemas.errors import InvalidRequestError

__all__ = ["ItemError", "ItemReason", "RefusalKind", "RefusedError"]


class RefusalKind(StrEnum):
    """What is wrong with the body as a whole."""

    MALFORMED = "malformed-body"
    INVALID = "invalid-body"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many-items"
    MEDIA_TYPE = "unsupported-media-type"
    ENCODING = "unsupported-encoding"


class RefusedError(InvalidRequestError):
    """Nothing of the body was taken. `limit` and `value` where a limit was passed; the value may be a lower bound."""

    def __init__(
        self,
        kind: RefusalKind,
        message: str,
        *,
        limit: int | None = None,
        value: int | None = None,
        cure: str = "",
    ) -> None:
        super().__init__(message, cure=cure)
        self.kind = kind
        self.limit = limit
        self.value = value


class ItemReason(StrEnum):
    """Why one item was not taken; the reason of its dead letter."""

    INVALID_VALUE = "invalid_value"
    MISSING_FIELD = "missing_field"
    NOT_AN_OBJECT = "not_an_object"
    MALFORMED_LINE = "malformed_line"
    FOREIGN_TENANT = "foreign_tenant"
    UNKNOWN_TYPE = "unknown_type"
    TIME_OUT_OF_RANGE = "time_out_of_range"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_LABELS = "too_many_labels"
    LABEL_TOO_LONG = "label_too_long"
    UNSUPPORTED = "unsupported"
    """Understood, but nothing here can hold it. Told to the sender, not kept: it would come again with every batch."""


class ItemError(ValueError):
    """One item cannot be taken. `pointer` is relative to the item."""

    def __init__(self, reason: ItemReason, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.pointer = pointer
