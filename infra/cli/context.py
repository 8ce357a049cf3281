"""Settings joined with what runs in the data folder: where a command finds its servers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError
from pydantic_settings import SettingsError

from infra.local.state import StackState, read_state
from infra.runtime.settings import KafkaSection, Settings
from schemas.errors import ConfigurationError, UnavailableError
from streams.kafka import KafkaSettings

__all__ = [
    "Installation",
    "begin_log_epoch",
    "kafka_settings",
    "load_installation",
    "load_kafka",
    "load_settings",
    "read_log_epoch",
]

_EPOCH_FILE = "log-epoch"
_AS_SET = (
    "topic_prefix",
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_key_password",
    "ssl_check_hostname",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """Settings whose addresses are all filled in."""

    settings: Settings
    kafka: KafkaSettings
    redis_url: str
    clickhouse_url: str
    log_epoch: str
    """Names the incarnation of the broker's log: offsets of another one are other messages."""


def load_settings(data_dir: Path | None = None, tenant: str | None = None) -> Settings:
    """Read the settings; raises ConfigurationError with each problem on a line."""
    given: dict[str, object] = {}
    if data_dir is not None:
        given["data_dir"] = data_dir
    if tenant is not None:
        given["tenant"] = tenant
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic validates what was given
    except SettingsError as error:
        raise ConfigurationError(
            f"the settings cannot be read: {error}",
            cure="Look at the TOCSIN_* variables that hold JSON, and at the folder TOCSIN_SECRETS_DIR.",
        ) from error
    except ValidationError as error:
        problems = "\n".join(
            f"  {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)
        )
        raise ConfigurationError(
            f"the settings are wrong:\n{problems}",
            cure="Look at tocsin.toml and the TOCSIN_* variables; `docs/reference/settings` lists them all.",
        ) from error


def load_installation(settings: Settings) -> Installation:
    """Fill in the addresses of the stack that runs in the data folder, where the settings name no other.

    Raises:
        UnavailableError: an address is missing and no stack runs.
    """
    running = _running(settings)
    bootstrap = settings.kafka.bootstrap_servers or _of_stack(running, "kafka", settings)
    return Installation(
        settings=settings,
        kafka=_kafka(settings, running, bootstrap),
        redis_url=settings.redis.url or _of_stack(running, "redis_url", settings),
        clickhouse_url=settings.clickhouse.url or _of_stack(running, "clickhouse_url", settings),
        log_epoch=settings.land.epoch or read_log_epoch(settings.data_dir),
    )


def begin_log_epoch(data_dir: Path) -> None:
    """Note that a broker which forgets has begun a new log. Blocks on the disk."""
    (data_dir / _EPOCH_FILE).write_text(uuid4().hex, encoding="ascii")


def read_log_epoch(data_dir: Path) -> str:
    """Return the current log's name; empty for a broker that keeps its log."""
    try:
        return (data_dir / _EPOCH_FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return ""


def kafka_settings(section: KafkaSection, bootstrap: str, *, embedded: bool) -> KafkaSettings:
    """Return what every client of the broker at this address is made from.

    Raises:
        ConfigurationError: a login is wanted, and the user or the password is missing.
    """
    if embedded:
        return KafkaSettings.embedded(bootstrap, topic_prefix=section.topic_prefix)
    login = section.sasl_username and section.sasl_password.get_secret_value()
    if section.security_protocol.startswith("SASL") and not login:
        raise ConfigurationError(
            f"{section.security_protocol} needs a user and a password, and one is missing",
            cure="Set `kafka.sasl_username`, and the password best in TOCSIN_KAFKA__SASL_PASSWORD.",
        )
    return KafkaSettings(
        bootstrap_servers=bootstrap,
        idempotent=section.idempotent is not False,
        session_timeout_ms=round(section.session_timeout_s * 1000),
        heartbeat_interval_ms=round(min(3.0, section.session_timeout_s / 3) * 1000),
        **{name: getattr(section, name) for name in _AS_SET},
    )


def load_kafka(settings: Settings, bootstrap: str) -> KafkaSettings:
    """Return what clients of the broker at this address need, be it set or started in the data folder."""
    return _kafka(settings, _running(settings), bootstrap)


def _running(settings: Settings) -> StackState | None:
    state = read_state(settings.data_dir)
    return state if state is not None and state.is_running() else None


def _kafka(settings: Settings, running: StackState | None, bootstrap: str) -> KafkaSettings:
    section = settings.kafka
    embedded = section.embedded or (
        not section.bootstrap_servers and running is not None and running.broker == "tansu"
    )
    return kafka_settings(section, bootstrap, embedded=embedded)


def _of_stack(running: StackState | None, part: str, settings: Settings) -> str:
    if running is None:
        raise UnavailableError(
            f"no stack runs in {settings.data_dir}, and no address of a server elsewhere is set",
            cure="Start one with `tocsin up` (or `tocsin up --detach`), or name the servers in tocsin.toml.",
        )
    return str(getattr(running.addresses, part))
