"""Fields of a multipart/form-data body (RFC 7578), as clients send long queries and parameters."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesHeaderParser
from typing import Final

from infra.local.clickhouse_front.errors import BAD_ARGUMENTS, NOT_IMPLEMENTED, ClickHouseError

__all__ = ["is_form", "parse_form"]

_MULTIPART: Final = "multipart/form-data"


def _header(content_type: str) -> Message:
    header = Message()
    header["content-type"] = content_type
    return header


def is_form(content_type: str) -> bool:
    """Whether a body of this type carries multipart fields rather than SQL or data.

    Curl labels every `--data` body urlencoded, and ClickHouse takes such a body as SQL: so does this.
    """
    return bool(content_type) and _header(content_type).get_content_type() == _MULTIPART


def parse_form(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """Fields of a multipart body in their order.

    Raises:
        ClickHouseError: malformed (36), or a file field, which ClickHouse takes as external data (48).
    """
    boundary = _header(content_type).get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise ClickHouseError.refusal(BAD_ARGUMENTS, "multipart/form-data without a boundary")
    delimiter = b"\r\n--" + boundary.encode("latin-1")
    pieces = (b"\r\n" + body).split(delimiter)[1:]
    if not pieces or not pieces[-1].startswith(b"--"):
        raise ClickHouseError.refusal(BAD_ARGUMENTS, "the multipart body ends before its last boundary")
    return [_field(piece) for piece in pieces[:-1]]


def _field(piece: bytes) -> tuple[str, str]:
    head, blank, value = piece.partition(b"\r\n\r\n")
    header = BytesHeaderParser().parsebytes(head.lstrip())
    name = header.get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        raise ClickHouseError.refusal(BAD_ARGUMENTS, "a multipart field without a name")
    if header.get_filename() is not None:
        raise ClickHouseError.refusal(
            NOT_IMPLEMENTED, f"external data ('{name}') is not supported here: insert it into a table first"
        )
    try:
        return name, value.decode()
    except UnicodeDecodeError as error:
        raise ClickHouseError.refusal(BAD_ARGUMENTS, f"the field '{name}' is not UTF-8") from error
