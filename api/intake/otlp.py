"""OTLP over HTTP: what metrics and logs have in common.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, TypeVar

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from api.intake.json_text import media_type, read_json
from api.intake.labels import UNKNOWN, service_of
from api.intake.limits import Limits
from api.intake.refusal import RefusalKind, RefusedError

__all__ = [
    "Encoding",
    "attributes",
    "encoding_of",
    "origin_labels",
    "read_request",
    "service_name",
    "text_of",
]

_M = TypeVar("_M", bound=Message)
_NAME: Final = 256

_ORIGIN: Final = (
    "service.namespace",
    "service.instance.id",
    "deployment.environment.name",
    "deployment.environment",
    "host.name",
    "k8s.namespace.name",
    "k8s.node.name",
    "k8s.pod.name",
    "k8s.container.name",
)
"""The attributes of a resource that tell instances and environments apart; the others describe them."""


class Encoding(StrEnum):
    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


def encoding_of(content_type: str) -> Encoding:
    """Raises RefusedError: MEDIA_TYPE."""
    named = media_type(content_type)
    if named in {one.value for one in Encoding}:
        return Encoding(named)
    raise RefusedError(
        RefusalKind.MEDIA_TYPE,
        f"OTLP is not {named[:80] or 'of no named type'}.",
        cure=f"Send {', '.join(Encoding)}.",
    )


def read_request(message: _M, body: bytes, encoding: Encoding, limits: Limits) -> _M:
    """Fill the message from a body that is not compressed, and return it. Raises RefusedError: MALFORMED, TOO_DEEP."""
    try:
        if encoding is Encoding.PROTOBUF:
            message.ParseFromString(body)
        else:
            ParseDict(_object(body, limits), message, ignore_unknown_fields=True)
    except (DecodeError, ParseError) as error:
        raise RefusedError(
            RefusalKind.MALFORMED, f"The body is no OTLP request: {str(error)[:200]}"
        ) from error
    return message


def _object(body: bytes, limits: Limits) -> dict[str, object]:
    value = read_json(body, limits)
    if not isinstance(value, dict):
        raise RefusedError(RefusalKind.MALFORMED, "An OTLP request is a JSON object.")
    return value


def attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    """Return attributes as labels; one without a name is left out, of two with one name the last holds."""
    return {one.key: text_of(one.value) for one in pairs if one.key}


def text_of(value: AnyValue) -> str:
    """Return the value as text: what is composed of others as JSON, bytes in base64, nothing as an empty text."""
    plain = _plain(value)
    if isinstance(plain, str):
        return plain
    return "" if plain is None else orjson.dumps(plain).decode()


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    match kind:
        case "string_value" | "bool_value" | "int_value" | "double_value":
            return getattr(value, kind)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "array_value":
            return [_plain(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _plain(one.value) for one in value.kvlist_value.values}
        case _:
            return None


def service_name(resource: Mapping[str, str]) -> str:
    """Return `service.name`; where the SDK had none (`unknown_service...`), what else names the service."""
    told = resource.get("service.name", "")
    if told and not told.startswith("unknown_service"):
        return told[:_NAME]
    others = {name: value for name, value in resource.items() if name != "service.name"}
    found = service_of(others)
    return found if found != UNKNOWN else told[:_NAME] or UNKNOWN


def origin_labels(resource: Mapping[str, str]) -> dict[str, str]:
    """Return what tells this instance of the service from others."""
    return {name: resource[name] for name in _ORIGIN if resource.get(name)}
