-- What it cost, who did it, and what could not be handled.

CREATE TABLE IF NOT EXISTS costs
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    investigation_id String,
    incident_id String,
    service LowCardinality(String),
    alarm LowCardinality(String),
    step LowCardinality(String),
    attempt Int64,
    kind LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    input_uncached Nullable(Int64) COMMENT 'tokens; NULL is unknown',
    cache_read Nullable(Int64),
    cache_write Nullable(Int64),
    output Nullable(Int64),
    reasoning Nullable(Int64),
    estimated Bool,
    cost_nano_usd Nullable(Int64) COMMENT 'integer 10^-9 USD; NULL is unpriced, never free',
    price_version LowCardinality(String),
    outcome LowCardinality(String),
    duration_ms Int64,
    rows_read Nullable(Int64),
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64,
    _index UInt32,
    landed_at DateTime64(3, 'UTC'),
    expires_at DateTime('UTC'),
    INDEX by_time occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(landed_at)
ORDER BY (tenant, investigation_id, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'costs: one ledger entry. Never sum this table: read v_costs or v_costs_daily.';

CREATE TABLE IF NOT EXISTS audit
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    principal String,
    action LowCardinality(String),
    resource String,
    allowed Bool,
    reason String,
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64,
    _index UInt32,
    landed_at DateTime64(3, 'UTC'),
    expires_at DateTime('UTC'),
    INDEX by_time occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(landed_at)
ORDER BY (tenant, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'audit: who did what, and was it allowed. Read v_audit.';

CREATE TABLE IF NOT EXISTS dead_letters
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    source_topic LowCardinality(String),
    source_partition Int64,
    source_offset Int64,
    message_key Nullable(String) COMMENT 'bytes, verbatim',
    message_value Nullable(String) CODEC(ZSTD(3)) COMMENT 'bytes, verbatim',
    header_names Array(String),
    header_values Array(Nullable(String)) COMMENT 'bytes, verbatim',
    stage LowCardinality(String),
    reason LowCardinality(String),
    detail String,
    retries Int64,
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64,
    _index UInt32,
    landed_at DateTime64(3, 'UTC'),
    expires_at DateTime('UTC'),
    INDEX by_time occurred_at TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(landed_at)
ORDER BY (tenant, source_topic, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'dead-letters: a message that could not be handled, verbatim. Read v_dead_letters.';
