"""Connecting to the broker, or saying within seconds why not and what would cure it.

The client library tries for as long as a request may take, and then knows only that it could not connect. So where a
client does not start, each address is tried once more, step by step: name, port, TLS, login, a producer's id.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    NoError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from schemas.errors import ConfigurationError, TocsinError, UnavailableError
from streams.kafka import KafkaSettings, connection_options

__all__ = ["Problem", "find_problem", "started"]

_PATIENCE_S = 5.0
_PROBE_S = 4.0
_ALERT_S = 1.0
_NETWORK_CURE = "Check that it runs, and that the address and the firewall are right."
_WRONG_NAME = {62, 64}
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_OTHERS = {
    "PLAINTEXT": "SSL, SASL_PLAINTEXT or SASL_SSL",
    "SSL": "SASL_SSL or PLAINTEXT",
    "SASL_PLAINTEXT": "SASL_SSL or PLAINTEXT",
    "SASL_SSL": "SASL_PLAINTEXT or SSL",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a broker cannot be used. `lasting` ones stay until a setting changes."""

    cause: str
    cure: str
    lasting: bool

    def error(self) -> TocsinError:
        kind = ConfigurationError if self.lasting else UnavailableError
        return kind(self.cause, cure=self.cure)


class _Client(Protocol):
    async def start(self) -> None: ...


async def started(client: _Client, settings: KafkaSettings) -> None:
    """Start a client of aiokafka. After some seconds without success the reason is looked for meanwhile.

    Raises:
        ConfigurationError: a setting is wrong: a password, a certificate, a protocol.
        UnavailableError: no broker answers.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.wait({starting}, timeout=_PATIENCE_S)
        if not starting.done() and (problem := await find_problem(settings)) is not None:
            raise problem.error()
        await starting
    except (KafkaError, OSError) as error:
        problem = await find_problem(settings)
        raise (problem.error() if problem else UnavailableError(repr(error), cure=_NETWORK_CURE)) from error
    finally:
        starting.cancel()


async def find_problem(settings: KafkaSettings) -> Problem | None:
    """Return why no broker can be used with these settings, None when one can. Takes some seconds at most.

    A broker that can be reached but announces others at addresses that cannot be is a problem too.

    Raises:
        ConfigurationError: a certificate file cannot be used.
    """
    options = connection_options(settings)
    servers = [_host_port(one) for one in settings.bootstrap_servers.split(",")]
    found = await asyncio.gather(*(_Trial(settings, options, *place).run() for place in servers))
    announced = [brokers for brokers in found if not isinstance(brokers, Problem)]
    if not announced:
        return _first(one for one in found if isinstance(one, Problem))
    others = sorted({place for brokers in announced for place in brokers} - set(servers))
    tried = await asyncio.gather(*(_Trial(settings, options, *place).run() for place in others))
    problem = _first(one for one in tried if isinstance(one, Problem))
    return problem and Problem(
        f"a broker announces another address: {problem.cause}", problem.cure, lasting=False
    )


def _first(problems: Iterable[Problem]) -> Problem | None:
    """The one to tell: a wrong setting explains more than a broker that is away."""
    return min(problems, key=lambda one: not one.lasting, default=None)


def _host_port(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not port.isdecimal():
        raise ConfigurationError(
            f"{text!r} is not host:port", cure="Write for instance `kafka-1:9092,kafka-2:9092`."
        )
    return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class _Trial:
    """One attempt at one address."""

    settings: KafkaSettings
    options: dict[str, object]
    host: str
    port: int

    @property
    def _at(self) -> str:
        return f"{self.host}:{self.port}"

    async def run(self) -> list[tuple[str, int]] | Problem:
        """Return the addresses of all live brokers as this one announces them, or what is wrong."""
        try:
            async with asyncio.timeout(_PROBE_S):
                return await self._asked()
        except (OSError, KafkaError) as error:
            return await self._explained(error)

    async def _explained(self, error: Exception) -> Problem:
        match error:
            case TimeoutError():
                cause = f"{self._at} does not answer within {_PROBE_S:g} s"
                problem = Problem(cause, _NETWORK_CURE, lasting=False)
            case ssl.SSLError():
                problem = self._tls(error)
            case KafkaConnectionError() | ConnectionResetError():
                problem = await self._alert() or self._closed(error)
            case OSError():
                problem = self._network(error)
            case _:
                problem = self._refused(error)
        return problem

    async def _asked(self) -> list[tuple[str, int]] | Problem:
        options = {name: value for name, value in self.options.items() if name != "bootstrap_servers"}
        link: AIOKafkaConnection = await create_conn(self.host, self.port, **options)
        try:
            answer = await link.send(MetadataRequest([]))
            problem = await self._producer_id(link) if self.settings.idempotent else None
        finally:
            link.close()
        return problem or [(host, port) for _, host, port, *_ in answer.brokers]

    async def _alert(self) -> Problem | None:
        """With TLS 1.3 a broker refuses a certificate after the handshake, where the client library does not look."""
        context = self.options.get("ssl_context")
        if not isinstance(context, ssl.SSLContext):
            return None
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port, ssl=context)
            with closing(writer):
                async with asyncio.timeout(_ALERT_S):
                    await reader.read(1)
        except ssl.SSLError as error:
            return self._tls(error)
        except OSError:
            pass
        return None

    async def _producer_id(self, link: AIOKafkaConnection) -> Problem | None:
        """An idempotent producer begins with asking for an id; where it gets none it asks for ever."""
        try:
            answer: Any = await link.send(
                InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=0)
            )
        except IncompatibleBrokerVersion:
            refusal: type[KafkaError] = IncompatibleBrokerVersion
        else:
            refusal = for_code(answer.error_code)
        if refusal is NoError or getattr(refusal, "retriable", False):
            return None
        if refusal is ClusterAuthorizationFailedError:
            return self._lasting(
                "gives this user no right to write idempotently", "Grant IDEMPOTENT_WRITE on the cluster."
            )
        return self._lasting(
            f"has no idempotent producers ({refusal.__name__})",
            "Set `kafka.embedded = true` for Tansu, or `kafka.idempotent = false`.",
        )

    def _lasting(self, what: str, cure: str) -> Problem:
        return Problem(f"{self._at} {what}", cure, lasting=True)

    def _tls(self, error: ssl.SSLError) -> Problem:
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._certificate(error)
        if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
            return self._lasting(
                "does not speak TLS", "Set `kafka.security_protocol` to what its listener has."
            )
        if "ALERT" in (error.reason or ""):
            cure = (
                "Name a client certificate that it trusts with `kafka.ssl_certfile` and `kafka.ssl_keyfile`."
            )
            return self._lasting(f"refuses our certificate ({error.reason})", cure)
        return Problem(f"{self._at}: TLS failed: {error}", _NETWORK_CURE, lasting=False)

    def _certificate(self, error: ssl.SSLCertVerificationError) -> Problem:
        if error.verify_code in _WRONG_NAME:
            return self._lasting(
                f"has a certificate for another name ({error.verify_message})",
                "Use a name from its certificate in `kafka.bootstrap_servers` and its `advertised.listeners`.",
            )
        return self._lasting(
            f"has a certificate that is not trusted ({error.verify_message})",
            "Name the authority that signed it with `kafka.ssl_cafile`.",
        )

    def _network(self, error: OSError) -> Problem:
        if isinstance(error, socket.gaierror):
            return Problem(
                f"the name {self.host} is not known ({error.strerror})", "Correct the address.", lasting=False
            )
        return Problem(f"{self._at}: {error.strerror or error!r}", _NETWORK_CURE, lasting=False)

    def _refused(self, error: Exception) -> Problem:
        match error:
            case SaslAuthenticationFailed():
                return self._lasting(
                    f"refuses user {self.settings.sasl_username!r} ({self.settings.sasl_mechanism})",
                    "Check `kafka.sasl_username`, `kafka.sasl_password`, and that the user exists for this mechanism.",
                )
            case UnsupportedSaslMechanismError():
                return self._lasting(
                    f"does not offer {self.settings.sasl_mechanism}",
                    "Set `kafka.sasl_mechanism` to one that it offers.",
                )
            case IllegalSaslStateError() | IncompatibleBrokerVersion():
                return self._lasting(
                    "asks for no login", "Set `kafka.security_protocol` to SSL or PLAINTEXT."
                )
            case _:
                return Problem(f"{self._at}: {error!r}", _NETWORK_CURE, lasting=False)

    def _closed(self, error: Exception) -> Problem:
        """A broker hangs up without a word on whoever speaks another protocol; so does one that is stopping."""
        protocol = self.settings.security_protocol
        return Problem(
            f"{self._at} hangs up on {protocol}: {error!r}",
            f"If it stays so, its listener has another protocol, perhaps {_OTHERS[protocol]}: set "
            "`kafka.security_protocol`.",
            lasting=False,
        )
