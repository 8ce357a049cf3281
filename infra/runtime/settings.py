"""One frozen `Settings`, built once in the composition root; each factory gets its own slice.

Values come, first wins, from arguments, `TOCSIN_*` environment variables (sections joined by two underscores:
`TOCSIN_KAFKA__BOOTSTRAP_SERVERS`), files named like those variables, in any case, in the folder that
`TOCSIN_SECRETS_DIR` names (`tocsin_clickhouse__password`: how containers are given secrets), and `tocsin.toml` in
the working directory or where `TOCSIN_CONFIG` points.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from infra.runtime.outside import ClickHouseSection, KafkaSection, RedisSection, Section, SqlSection
from infra.runtime.sql_address import SqlAddress

__all__ = [
    "ApiSection",
    "ClickHouseSection",
    "DetectSection",
    "InvestigateSection",
    "KafkaSection",
    "LandSection",
    "LlmProvider",
    "LlmSection",
    "RedisSection",
    "Settings",
    "SqlSection",
    "TelemetrySection",
    "TriageSection",
]


class TriageSection(Section):
    """How alarms become incidents."""

    correlate_within_s: float = Field(default=300.0, gt=0)
    """An alarm joins an open incident whose last alarm is at most this much older, in seconds of event time."""
    correlate_hops: int = Field(default=2, ge=0)
    """How many calls apart two services may be to share an incident."""
    close_after_s: float = Field(default=300.0, ge=0)
    """A cleared incident closes after this much quiet, in seconds."""
    flap_changes: int = Field(default=6, ge=2)
    """State changes of one alarm within `flap_window_s` that make it flap."""
    flap_window_s: float = Field(default=300.0, gt=0)
    """The time in which they are counted, in seconds of event time."""
    forget_after_s: float = Field(default=86_400.0, gt=0)
    """State of an alarm is dropped after this much event time without news, in seconds."""


class DetectSection(Section):
    """Online detection over KPI batches."""

    enabled: bool = True
    """Whether the role `detect` detects, or only waits."""
    method: Literal["changes", "records"] = "changes"
    """What makes an alarm: changes beyond doubt; or also records, weaker and earlier signs, many times as many alarms."""
    max_series: int = Field(default=100_000, ge=1)
    """Series with state in one worker; the longest unseen are dropped first."""
    sensitivity: float = Field(default=6.0, gt=0)
    """Robust deviations that make a change an alarm: higher is quieter."""
    persist_s: float = Field(default=20.0, ge=0)
    """A level shift must last this long before it is told, in seconds of event time."""
    season_s: float = Field(default=86_400.0, ge=0)
    """Period of the expected daily pattern, in seconds; 0 expects none."""


class InvestigateSection(Section):
    """The investigation worker."""

    max_concurrent: int = Field(default=8, ge=1)
    """Investigations that work at once in one worker; those that wait for data do not count."""
    baseline_s: float = Field(default=1_800.0, gt=0)
    """How much time before the incident is taken as normal, in seconds."""
    lead_s: float = Field(default=120.0, ge=0)
    """How long before its first alarm a fault may have begun, in seconds."""
    data_wait_s: float = Field(default=30.0, ge=0)
    """How long to wait for data of the window to land before going on without it, in seconds."""
    lease_s: float = Field(default=15.0, gt=0)
    """A worker that has not renewed its lease for this long has lost the investigation."""
    embedding: Literal["auto", "on", "off"] = "auto"
    """Whether runbooks are compared by what they mean, too; `auto`: where the extra `embedding` is installed."""
    query_nano_usd_per_million_rows: int | None = Field(default=500_000, ge=0)
    """What a data query costs, integer 10^-9 USD per million rows read (default: 5 USD per TB at 100 bytes a row)."""


class LandSection(Section):
    """The landing worker."""

    batch_rows: int = Field(default=5_000, ge=1)
    """Messages of one partition in one insert, at most."""
    batch_age_s: float = Field(default=0.5, gt=0)
    """An incomplete batch is inserted after this time."""
    epoch: str = ""
    """Names the incarnation of the broker's log: set another one when a log was lost and begun anew."""


class ApiSection(Section):
    """HTTP for people and programs."""

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` or `::` for all."""
    port: int = Field(default=0, ge=0, le=65_535)
    """Port to listen on; 0 picks a free one, which `tocsin status` tells."""
    pepper_file: str = ""
    """File of the secret with which API keys are hashed and cursors signed. Empty: `secrets/pepper` in the data folder."""
    max_body_bytes: int = Field(default=4 * 1024 * 1024, ge=1024)
    """A larger request is refused."""
    max_json_depth: int = Field(default=32, ge=4, le=512)
    """JSON that nests deeper is refused."""
    rate_per_s: float = Field(default=1_000.0, gt=0)
    """Requests a second that each key may make in the long run."""
    rate_burst: int = Field(default=2_000, ge=1)
    """Requests that each key may make at once."""
    ready_max_lag: int = Field(default=100_000, ge=0)
    """Messages that a consumer group may be behind before `/ready` says no."""
    ready_max_rss_mb: int = Field(default=1_024, ge=64)
    """Resident memory of this process, in MiB, from which on `/ready` says no."""


class LlmProvider(Section):
    """An OpenAI-compatible endpoint. Several are tried in turn."""

    name: str
    """What the ledger and the metrics call it."""
    base_url: str
    """Address up to and including `/v1`."""
    api_key: SecretStr = SecretStr("")
    """Key; servers that want none get any text."""
    model: str
    """The model's name at this provider."""
    timeout_s: float = Field(default=60.0, gt=0)
    """For one attempt as a whole, in seconds."""
    max_concurrent: int = Field(default=4, ge=1)
    """Attempts at once."""


class LlmSection(Section):
    """Models. Without a provider every investigation is deterministic, and complete."""

    providers: tuple[LlmProvider, ...] = ()
    """In the order in which they are tried; as JSON in the environment."""
    prices: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Own prices by model, USD per million tokens (input, output), before those of genai-prices."""


class TelemetrySection(Section):
    """Logs, metrics and traces."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged at least."""
    log_json: bool = True
    """JSON lines; otherwise text for a person."""
    metrics_host: str = "127.0.0.1"
    """Address that this role's /metrics listens on; 0.0.0.0 in a container."""
    metrics_port: int = Field(default=0, ge=0, le=65_535)
    """Port of this role's /metrics; 0 picks a free one."""
    otlp_endpoint: str = ""
    """`http://host:4318`; empty exports no traces."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="TOCSIN_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        toml_file=os.environ.get("TOCSIN_CONFIG", "tocsin.toml"),
    )

    data_dir: Path = Path(".tocsin")
    """Where `tocsin up` keeps everything."""
    tenant: str = "default"
    """The tenant that commands act for."""
    kafka: KafkaSection = KafkaSection()
    clickhouse: ClickHouseSection = ClickHouseSection()
    redis: RedisSection = RedisSection()
    sql: SqlSection = SqlSection()
    triage: TriageSection = TriageSection()
    detect: DetectSection = DetectSection()
    investigate: InvestigateSection = InvestigateSection()
    land: LandSection = LandSection()
    api: ApiSection = ApiSection()
    llm: LlmSection = LlmSection()
    telemetry: TelemetrySection = TelemetrySection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then secrets in files, then the TOML file."""
        del dotenv_settings
        secrets = NestedSecretsSettingsSource(
            file_secret_settings,
            secrets_dir=os.environ.get("TOCSIN_SECRETS_DIR"),
            secrets_dir_missing="error",
        )
        return init_settings, env_settings, secrets, TomlConfigSettingsSource(settings_cls)

    @property
    def control_database(self) -> SqlAddress:
        """What `open_database` wants."""
        return self.sql.address() or self.data_dir / "control.sqlite"

    @property
    def checkpoint_database(self) -> SqlAddress:
        """The same PostgreSQL server, or a file beside SQLite's: checkpoints are written often, and alone."""
        control = self.control_database
        return control.with_name("checkpoints.sqlite") if isinstance(control, Path) else control

    @property
    def pepper_file(self) -> Path:
        return Path(self.api.pepper_file) if self.api.pepper_file else self.data_dir / "secrets" / "pepper"

    @property
    def data_wait(self) -> timedelta:
        return timedelta(seconds=self.investigate.data_wait_s)
