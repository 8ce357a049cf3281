-- What was asked, how far it is, what was found, what was concluded, what people said of it.

CREATE TABLE IF NOT EXISTS investigation_requests
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    investigation_id String,
    incident_id String,
    kind LowCardinality(String),
    policy LowCardinality(String),
    reason String,
    priority Int32,
    observe_s Float64,
    not_before Nullable(DateTime64(6, 'UTC')),
    recurrence_of String,
    requested_at DateTime64(6, 'UTC'),
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
ORDER BY (tenant, investigation_id, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'investigations.requested: investigate this, because of that policy. Read v_investigation_requests.';

CREATE TABLE IF NOT EXISTS investigation_status
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    investigation_id String,
    incident_id String,
    state LowCardinality(String),
    step LowCardinality(String),
    message String,
    progress Float64,
    attempt Int64,
    worker String,
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
COMMENT 'investigations.status: state and progress. Read v_investigation_status.';

CREATE TABLE IF NOT EXISTS evidence
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    investigation_id String,
    incident_id String,
    step LowCardinality(String),
    finding String,
    kind LowCardinality(String),
    service LowCardinality(String),
    indicator LowCardinality(String),
    statement String,
    score Nullable(Float64),
    direction Int8,
    onset Nullable(DateTime64(6, 'UTC')),
    window_start DateTime64(6, 'UTC'),
    window_end DateTime64(6, 'UTC'),
    data_fresh_until Nullable(DateTime64(6, 'UTC')),
    query String COMMENT 'the SQL that shows the data again',
    data String COMMENT 'a JSON object with the figures behind the statement',
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
COMMENT 'evidence: one finding of one step. Read v_evidence.';

CREATE TABLE IF NOT EXISTS reports
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    report_id String,
    investigation_id String,
    incident_id String,
    revision Int64,
    verdict LowCardinality(String),
    confidence Nullable(Float64),
    headline String,
    cause_services Array(String) COMMENT 'the most likely first; cause_kinds and cause_confidences run along',
    cause_kinds Array(String),
    cause_confidences Array(Nullable(Float64)),
    evidence_ids Array(String) COMMENT 'every evidence id that the report cites, sorted',
    services Array(LowCardinality(String)),
    started_at DateTime64(6, 'UTC'),
    finished_at DateTime64(6, 'UTC'),
    mode LowCardinality(String),
    recurrence_of String,
    cost_nano_usd Nullable(Int64) COMMENT 'integer 10^-9 USD; NULL when a part has no known price',
    evidence_count Int64,
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
ORDER BY (tenant, investigation_id, event_id)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'reports: verdict, ranked causes, what was ruled out. Read v_reports, or v_latest_reports for the newest of each.';

CREATE TABLE IF NOT EXISTS feedback
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    investigation_id String,
    score Int32,
    comment String,
    actual_service LowCardinality(String),
    by String,
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
COMMENT 'feedback: what a person said of a report. Read v_feedback.';
