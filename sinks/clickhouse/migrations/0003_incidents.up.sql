-- A row per transition, with the whole event beside the columns people filter by.

CREATE TABLE IF NOT EXISTS incidents
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    incident_id String,
    revision Int64,
    transition LowCardinality(String),
    opened_at DateTime64(6, 'UTC'),
    title String,
    severity LowCardinality(String),
    services Array(LowCardinality(String)),
    alarm_names Array(LowCardinality(String)) COMMENT 'distinct, sorted',
    alarm_count Int64,
    active_count Int64,
    merged_into String,
    updated_at DateTime64(6, 'UTC'),
    document String CODEC(ZSTD(3)) COMMENT 'the whole event as JSON',
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
ORDER BY (tenant, incident_id, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'incidents: a row per transition. Read v_incident_transitions, or v_incidents for the newest of each.';
