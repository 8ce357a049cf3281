-- What services measure, say and undergo. High volume: plain MergeTree, one row per sample, line or change.
-- The hour before the service in the key lets a window over all services read few granules.
-- No partitions: a retried insert must fall into the same partition to be recognised as a repeat, and
-- timestamps from outside would make partitions without bound.

CREATE TABLE IF NOT EXISTS kpis
(
    tenant LowCardinality(String),
    time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    source LowCardinality(String),
    service LowCardinality(String),
    metric LowCardinality(String),
    labels_json LowCardinality(String) COMMENT 'labels as a JSON object with sorted keys',
    labels Map(String, String) ALIAS JSONExtract(labels_json, 'Map(String, String)'),
    unit LowCardinality(String),
    value Float64 CODEC(Gorilla, ZSTD(1)) COMMENT 'NaN is a missing sample',
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD(1)),
    _index UInt32 CODEC(Delta, ZSTD(1)) COMMENT 'place of this sample in its message',
    landed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (tenant, toStartOfHour(time), service, metric, labels_json, time)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'kpis.raw: a row per sample. A sample sent twice is there twice: read one value per service, metric, labels, time.';

CREATE TABLE IF NOT EXISTS logs
(
    event_id String,
    tenant LowCardinality(String),
    at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    service LowCardinality(String),
    severity LowCardinality(String),
    message String CODEC(ZSTD(1)),
    entity LowCardinality(String),
    trace_id String,
    attributes Map(LowCardinality(String), String),
    _topic LowCardinality(String),
    _epoch LowCardinality(String) COMMENT 'incarnation of the log that _offset counts in',
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD(1)),
    _index UInt32 COMMENT 'place of this line in its message',
    landed_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    expires_at DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (tenant, toStartOfHour(at), service, at)
TTL expires_at
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'logs.raw: a row per line. event_id names the batch the line came in.';

CREATE TABLE IF NOT EXISTS changes
(
    event_id String,
    tenant LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    source LowCardinality(String),
    service LowCardinality(String),
    kind LowCardinality(String),
    title String,
    version String,
    author String,
    url String,
    labels Map(String, String),
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
COMMENT 'changes.raw: a deploy, config, flag or scale change.';
