"""A Confluent-compatible schema registry in memory: real HTTP, ids in sequence, compatibility by level, its error codes.

What tests against it show: that our client does the right thing with the protocol as the reference tells it. What they
do not show: how a given vendor's server departs from it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastavro.schema import parse_schema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from schemas.compatibility import breaking_changes
from tests.fakes.certificates import Authority

__all__ = ["RegistryServer", "start_registry"]

_MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"

Handler = Callable[[Request], Awaitable[Response]]


class _RefusedError(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    id: int
    schema: str
    kind: str = "AVRO"
    references: tuple[dict[str, Any], ...] = ()

    def told(self, **more: object) -> dict[str, object]:
        """Like Confluent's, the kind is left out where it is Avro."""
        said: dict[str, object] = {"schema": self.schema, **more}
        said |= {"schemaType": self.kind} if self.kind != "AVRO" else {}
        return said | ({"references": list(self.references)} if self.references else {})


@dataclass
class RegistryServer:
    """A running server. `ailing` are statuses for the next requests, in turn; `requests` grows as they arrive."""

    port: int = 0
    path: str = ""
    scheme: str = "http"
    login: tuple[str, str] | None = None
    first_id: int = 1
    level: str = "BACKWARD"
    read_only: bool = False
    ailing: list[int] = field(default_factory=list)
    open: threading.Event = field(default_factory=threading.Event)
    """Cleared, requests wait."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    subjects: dict[str, list[Version]] = field(default_factory=dict)
    _ids: int = 0
    _numbers: dict[str, int] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{self.path}"

    def asked(self, method: str, prefix: str = "/") -> int:
        """How many requests there were of this method to paths that begin so."""
        return sum(1 for one, path in self.requests if one == method and path.startswith(prefix))

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: tuple[dict[str, Any], ...] = ()
    ) -> Version:
        """Put a schema under a subject, unchecked, as another program would."""
        with self._turn:
            versions = self.subjects.setdefault(subject, [])
            known = [one for some in self.subjects.values() for one in some]
            same = [one.id for one in known if _canonical(one.schema) == _canonical(schema)]
            if not same:
                self._ids += 1
            number = self._numbers[subject] = self._numbers.get(subject, 0) + 1
            schema_id = same[0] if same else self.first_id + self._ids - 1
            versions.append(Version(number, schema_id, schema, kind, references))
            return versions[-1]

    def forget(self, subject: str, number: int) -> None:
        """Delete a version; its number and id are not given again."""
        self.subjects[subject] = [one for one in self.subjects[subject] if one.number != number]

    def find(self, subject: str, schema: str) -> Version | None:
        same = (one for one in self.subjects.get(subject, ()) if _canonical(one.schema) == _canonical(schema))
        return next(same, None)

    def breaks(self, subject: str, schema: str) -> tuple[str, ...]:
        versions = self.subjects.get(subject)
        if not versions or self.level == "NONE":
            return ()
        old, new = json.loads(versions[-1].schema), json.loads(schema)
        backward = breaking_changes(old, new) if self.level in {"BACKWARD", "FULL"} else ()
        forward = breaking_changes(new, old) if self.level in {"FORWARD", "FULL"} else ()
        return (*backward, *forward)

    async def list_subjects(self, request: Request) -> Response:
        return _answer(sorted(self.subjects))

    async def list_versions(self, request: Request) -> Response:
        return _answer([one.number for one in self._versions(request)])

    async def one_version(self, request: Request) -> Response:
        versions, wanted = self._versions(request), request.path_params["version"]
        found = [one for one in versions if wanted == "latest" or str(one.number) == wanted]
        if not found:
            raise _RefusedError(40402, f"Version {wanted} not found.")
        one = found[-1]
        subject = request.path_params["subject"]
        return _answer(one.told(subject=subject, version=one.number, id=one.id))

    async def look_up(self, request: Request) -> Response:
        self._versions(request)
        subject, schema = request.path_params["subject"], await _schema_in(request)
        found = self.find(subject, schema)
        if found is None:
            raise _RefusedError(40403, "Schema not found")
        return _answer(found.told(subject=subject, version=found.number, id=found.id))

    async def take(self, request: Request) -> Response:
        subject, schema = request.path_params["subject"], await _schema_in(request)
        found = self.find(subject, schema)
        if found is not None:
            return _answer({"id": found.id})
        if self.read_only:
            raise _RefusedError(42205, f"Subject {subject} is in read-only mode")
        if self.breaks(subject, schema):
            raise _RefusedError(
                409, f"Schema being registered is incompatible with an earlier one of {subject}"
            )
        return _answer({"id": self.register(subject, schema).id})

    async def by_id(self, request: Request) -> Response:
        wanted = int(request.path_params["id"])
        for versions in self.subjects.values():
            for one in versions:
                if one.id == wanted:
                    return _answer(one.told())
        raise _RefusedError(40403, f"Schema {wanted} not found")

    async def compatible(self, request: Request) -> Response:
        self._versions(request)
        breaks = self.breaks(request.path_params["subject"], await _schema_in(request))
        said: dict[str, object] = {"is_compatible": not breaks}
        return _answer(said | ({"messages": list(breaks)} if "verbose" in request.query_params else {}))

    async def config(self, request: Request) -> Response:
        return _answer({"compatibilityLevel": self.level})

    def _versions(self, request: Request) -> list[Version]:
        subject = request.path_params["subject"]
        versions = self.subjects.get(subject)
        if not versions:
            raise _RefusedError(40401, f"Subject '{subject}' not found.")
        return versions

    def guarded(self, handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            self.requests.append((request.method, request.url.path.removeprefix(self.path)))
            await asyncio.to_thread(self.open.wait)
            if self.ailing:
                status = self.ailing.pop(0)
                return _answer({"error_code": status * 100 + 1, "message": "scripted"}, status)
            if self.login is not None and request.headers.get("authorization") != _basic(*self.login):
                return _answer({"error_code": 401, "message": "Unauthorized"}, 401)
            try:
                return await handler(request)
            except _RefusedError as refused:
                status = refused.code if refused.code < 1_000 else refused.code // 100
                return _answer({"error_code": refused.code, "message": str(refused)}, status)

        return handle


async def _schema_in(request: Request) -> str:
    assert request.headers["content-type"] == _MEDIA_TYPE, request.headers["content-type"]
    schema: str = (await request.json())["schema"]
    try:
        parse_schema(json.loads(schema))
    except Exception as error:
        raise _RefusedError(42201, f"Invalid schema: {error!r}") from error
    return schema


def _canonical(schema: str) -> str:
    try:
        return json.dumps(json.loads(schema), sort_keys=True)
    except (ValueError, RecursionError):
        return schema


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _answer(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status, media_type=_MEDIA_TYPE)


def _application(state: RegistryServer) -> Starlette:
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/subjects", state.list_subjects),
        ("GET", "/subjects/{subject}/versions", state.list_versions),
        ("GET", "/subjects/{subject}/versions/{version}", state.one_version),
        ("POST", "/subjects/{subject}", state.look_up),
        ("POST", "/subjects/{subject}/versions", state.take),
        ("GET", "/schemas/ids/{id:int}", state.by_id),
        ("POST", "/compatibility/subjects/{subject}/versions/{version}", state.compatible),
        ("GET", "/config", state.config),
    ]
    routes = [Route(path, state.guarded(handler), methods=[method]) for method, path, handler in table]
    return Starlette(routes=[Mount(state.path, routes=routes)] if state.path else routes)


@contextmanager
def start_registry(
    *, path: str = "", authority: Authority | None = None, mutual: bool = False, **changes: Any
) -> Iterator[RegistryServer]:
    """Serve in a thread of its own until the block ends; with an authority over TLS, with a certificate it signs.

    `mutual`: clients need one of the same authority.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    state = RegistryServer(listening.getsockname()[1], path, "https" if authority else "http", **changes)
    state.open.set()
    tls: dict[str, Any] = {}
    if authority is not None:
        identity = authority.issue("registry", "127.0.0.1")
        tls = {
            "ssl_certfile": str(identity.certificate),
            "ssl_keyfile": str(identity.key),
            "ssl_keyfile_password": identity.password,
            "ssl_ca_certs": str(authority.file),
            "ssl_cert_reqs": ssl.CERT_REQUIRED if mutual else ssl.CERT_NONE,
        }
    config = uvicorn.Config(
        _application(state),
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=0,
        loop="asyncio",
        **tls,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.open.set()
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()
