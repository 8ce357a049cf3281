-- Sums that are kept with the entries, in the same parts: an insert adds to both or to neither, and a merge or an expiry
-- that takes rows away takes them from both. They are exact as long as no entry is in the ledger twice, which landing
-- sees to; an entry that came in twice all the same is counted twice until a merge has made one of it.

ALTER TABLE costs MODIFY SETTING
    deduplicate_merge_projection_mode = 'rebuild', lightweight_mutation_projection_mode = 'rebuild';

ALTER TABLE costs ADD PROJECTION IF NOT EXISTS sums_by_alarm
(
    SELECT
        tenant,
        toDate(occurred_at) AS day,
        service,
        alarm,
        count(),
        countIf(isNull(cost_nano_usd)),
        sum(cost_nano_usd),
        sum(input_uncached),
        sum(cache_read),
        sum(cache_write),
        sum(output),
        sum(reasoning),
        sum(rows_read),
        sum(duration_ms)
    GROUP BY tenant, day, service, alarm
);

ALTER TABLE costs ADD PROJECTION IF NOT EXISTS sums_by_step
(
    SELECT
        tenant,
        toDate(occurred_at) AS day,
        step,
        kind,
        model,
        count(),
        countIf(isNull(cost_nano_usd)),
        sum(cost_nano_usd),
        sum(input_uncached),
        sum(cache_read),
        sum(cache_write),
        sum(output),
        sum(reasoning),
        sum(rows_read),
        sum(duration_ms)
    GROUP BY tenant, day, step, kind, model
);

-- What of an entry is summed or filtered by, so that a part of a day, or a mixed filter, is read without the rest.
ALTER TABLE costs ADD PROJECTION IF NOT EXISTS entries_by_day
(
    SELECT
        tenant,
        occurred_at,
        service,
        alarm,
        step,
        kind,
        model,
        cost_nano_usd,
        input_uncached,
        cache_read,
        cache_write,
        output,
        reasoning,
        rows_read,
        duration_ms
    ORDER BY toDate(occurred_at), tenant
);

-- Entries that an earlier version landed twice become one.
OPTIMIZE TABLE costs FINAL;

ALTER TABLE costs MATERIALIZE PROJECTION sums_by_alarm SETTINGS mutations_sync = 1;

ALTER TABLE costs MATERIALIZE PROJECTION sums_by_step SETTINGS mutations_sync = 1;

ALTER TABLE costs MATERIALIZE PROJECTION entries_by_day SETTINGS mutations_sync = 1;
