"""The registry's REST API (Confluent Schema Registry API reference): one method per question, each asked once."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from schemas.errors import ConfigurationError, UnavailableError

__all__ = ["Enrolled", "RegistryAddress", "RegistryClient", "SchemaText", "open_client"]

_MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_PASSING: Final = frozenset({408, 425, 429})
_REDIRECTS: Final = range(300, 400)
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class RegistryAddress:
    """Where the registry is and how to log in. The URLs serve the same registry and are tried in turn.

    Of TLS: PEM files of the authorities to trust (the system's where empty), of our own certificate and of its key.
    """

    urls: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)
    cafile: str = ""
    certfile: str = ""
    keyfile: str = ""
    timeout_s: float = 10.0

    def __str__(self) -> str:
        return ", ".join(self.urls)


class _Answer(BaseModel):
    """Registries differ in what else they say."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Enrolled(_Answer):
    """A schema under its subject."""

    id: int
    version: int


class SchemaText(_Answer):
    """A schema as JSON text. `references` names others that it needs."""

    text: str = Field(alias="schema")
    kind: str = Field(default="AVRO", alias="schemaType")
    references: tuple[Any, ...] | None = None


class EnrolledText(SchemaText, Enrolled):
    """The same under its subject."""


class _Id(_Answer):
    id: int


class _Refusal(_Answer):
    error_code: int
    message: str = ""


class _Compatible(_Answer):
    is_compatible: bool
    messages: tuple[str, ...] | None = None


_Versions = RootModel[tuple[int, ...]]
_A = TypeVar("_A", bound=BaseModel)


class RegistryClient:
    """Asks the registry; `open_client` makes and closes it.

    Every method waits for the network, and raises UnavailableError where there is no answer, or one that says that it
    cannot now, and ConfigurationError where the login is refused or this is no schema registry.
    """

    def __init__(self, http: httpx.AsyncClient, address: RegistryAddress) -> None:
        self._http = http
        self._address = address

    async def lookup(self, subject: str, schema: str) -> Enrolled | None:
        """Return which version of the subject this schema is; None where it is none."""
        response = await self._ask("POST", f"subjects/{_quoted(subject)}", _body(schema))
        return None if self._says_absent(response) else self._parsed(Enrolled, response)

    async def register(self, subject: str, schema: str) -> int:
        """Make this schema the subject's next version, or return the id that it has.

        Raises:
            ConfigurationError: also when the registry does not take it, and then says why.
        """
        response = await self._ask("POST", f"subjects/{_quoted(subject)}/versions", _body(schema))
        if response.is_success:
            return self._parsed(_Id, response).id
        why = await self._complaints(subject, schema) if response.status_code == HTTPStatus.CONFLICT else ()
        told = "\n  ".join([self._refusal(response), *why])
        raise ConfigurationError(
            f"the schema registry at {self._address} does not take the schema of {subject}: {told}",
            cure="Change the subject's compatibility or mode there, or leave the subject to Tocsin: see docs/how-to/outside-registry.",
        )

    async def versions(self, subject: str) -> tuple[int, ...]:
        """Return the subject's versions in order; none where the subject is not known."""
        response = await self._ask("GET", f"subjects/{_quoted(subject)}/versions")
        return () if self._says_absent(response) else tuple(sorted(self._parsed(_Versions, response).root))

    async def version(self, subject: str, version: int) -> EnrolledText | None:
        """Return one version; None where it has been deleted."""
        response = await self._ask("GET", f"subjects/{_quoted(subject)}/versions/{version}")
        return None if self._says_absent(response) else self._parsed(EnrolledText, response)

    async def schema(self, schema_id: int) -> SchemaText | None:
        """Return the schema of this id, under whatever subject; None where there is none."""
        response = await self._ask("GET", f"schemas/ids/{schema_id}")
        return None if self._says_absent(response) else self._parsed(SchemaText, response)

    async def _complaints(self, subject: str, schema: str) -> tuple[str, ...]:
        """What the latest version's readers miss: not every registry says it when it refuses."""
        path = f"compatibility/subjects/{_quoted(subject)}/versions/latest?verbose=true"
        response = await self._ask("POST", path, _body(schema))
        return (self._parsed(_Compatible, response).messages or ()) if response.is_success else ()

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
        """Return what the first address that answers says; a 4xx of a question of ours is an answer."""
        whys: list[str] = []
        for url in self._address.urls:
            try:
                response = await self._http.request(method, f"{url}/{path}", json=body)
            except httpx.TransportError as error:
                if _untrusted(error):
                    raise self._misconfigured(f"its certificate is not trusted: {error}", _TRUST) from error
                whys.append(f"{url}: {error!r}")
                continue
            if not _passing(response):
                return self._let_in(response)
            whys.append(f"{url}: HTTP {response.status_code}, {self._refusal(response)}")
        raise UnavailableError(
            f"the schema registry does not answer: {'; '.join(whys)}",
            cure="Is it up, and is kafka.schema_registry_url right? `tocsin doctor` tells.",
        )

    def _let_in(self, response: httpx.Response) -> httpx.Response:
        match response.status_code:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN as status:
                raise self._misconfigured(f"it refuses {self._address.user or 'us'} ({status})", _LOGIN)
            case status if status in _REDIRECTS:
                raise self._misconfigured(f"it redirects to {response.headers.get('location', '?')}", _WHERE)
            case _:
                return response

    def _says_absent(self, response: httpx.Response) -> bool:
        """A 404 in the registry's own form. Any other 404 is a wrong address."""
        if response.status_code != HTTPStatus.NOT_FOUND:
            return False
        code = str(self._parsed(_Refusal, response).error_code)
        return code.startswith("404")

    def _refusal(self, response: httpx.Response) -> str:
        try:
            refusal = _Refusal.model_validate_json(response.content)
        except ValidationError:
            return response.text[:_SHOWN]
        return f"{refusal.message} ({refusal.error_code})"

    def _parsed(self, kind: type[_A], response: httpx.Response) -> _A:
        told = f"{response.request.url} answers {response.status_code}: {self._refusal(response)}"
        if response.is_client_error and kind is not _Refusal:
            raise self._misconfigured(told, _WHERE)
        try:
            return kind.model_validate_json(response.content)
        except ValidationError as error:
            raise self._misconfigured(told, _WHERE) from error

    def _misconfigured(self, what: str, cure: str) -> ConfigurationError:
        return ConfigurationError(f"the schema registry at {self._address} cannot be used: {what}", cure=cure)


_LOGIN = (
    "Set kafka.schema_registry_user, and the password best in TOCSIN_KAFKA__SCHEMA_REGISTRY_PASSWORD; "
    "the user may read subjects, and write them where schemas are to be registered."
)
_TRUST = "Name the authority that signed it in kafka.schema_registry_ssl_cafile."
_WHERE = (
    "Is kafka.schema_registry_url the root of a Confluent-compatible API? "
    "Apicurio's ends with /apis/ccompat/v7."
)


@asynccontextmanager
async def open_client(address: RegistryAddress) -> AsyncIterator[RegistryClient]:
    """Make a client, and close its connections at the end. Connects on first use.

    Raises:
        ConfigurationError: a certificate cannot be read.
    """
    login = httpx.BasicAuth(address.user, address.password) if address.user else None
    async with httpx.AsyncClient(
        auth=login,
        verify=_trust(address),
        timeout=address.timeout_s,
        headers={"Accept": f"{_MEDIA_TYPE}, application/json", "Content-Type": _MEDIA_TYPE},
    ) as http:
        yield RegistryClient(http, address)


def _trust(address: RegistryAddress) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=address.cafile or None)
        if address.certfile:
            context.load_cert_chain(address.certfile, address.keyfile or None)
    except OSError as error:
        raise ConfigurationError(
            f"the schema registry's certificates cannot be read: {error}",
            cure="Look at kafka.schema_registry_ssl_cafile, ..._certfile and ..._keyfile: PEM files.",
        ) from error
    return context


def _passing(response: httpx.Response) -> bool:
    return response.is_server_error or response.status_code in _PASSING


def _untrusted(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _body(schema: str) -> dict[str, str]:
    """The kind is the default; Apicurio, where it is left out, guesses, and not always right."""
    return {"schema": schema, "schemaType": "AVRO"}


def _quoted(subject: str) -> str:
    return quote(subject, safe="")
