-- What sources say of alarms, and what was decided about each.

CREATE TABLE IF NOT EXISTS alarms
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    source LowCardinality(String),
    fingerprint String,
    name LowCardinality(String),
    service LowCardinality(String),
    status LowCardinality(String),
    severity LowCardinality(String) COMMENT 'ITU-T X.733 perceived severity',
    started_at DateTime64(6, 'UTC'),
    received_at Nullable(DateTime64(6, 'UTC')),
    entity String,
    host String,
    indicator String,
    value Nullable(Float64),
    summary String,
    labels Map(String, String),
    url String,
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64,
    _index UInt32,
    landed_at DateTime64(3, 'UTC'),
    expires_at DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY (tenant, occurred_at, service)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'alarms.raw: a row per message. A repeat from the source has the same event_id.';

CREATE TABLE IF NOT EXISTS alarm_decisions
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    alarm_event_id String,
    decision LowCardinality(String),
    reason String,
    source LowCardinality(String),
    fingerprint String,
    name LowCardinality(String),
    service LowCardinality(String),
    status LowCardinality(String),
    severity LowCardinality(String) COMMENT 'ITU-T X.733 perceived severity',
    started_at DateTime64(6, 'UTC'),
    decided_at DateTime64(6, 'UTC'),
    entity String,
    host String,
    indicator String,
    value Nullable(Float64),
    summary String,
    labels Map(String, String),
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
ORDER BY (tenant, alarm_event_id, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'alarms.changed: the decision on each alarm event. Read v_alarm_decisions.';
