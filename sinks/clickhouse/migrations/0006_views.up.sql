-- One row per event, whatever was landed twice. Bound every read by tenant and, where there is much, by time.

CREATE OR REPLACE VIEW v_alarm_decisions AS SELECT * FROM alarm_decisions FINAL;

CREATE OR REPLACE VIEW v_investigation_requests AS SELECT * FROM investigation_requests FINAL;

CREATE OR REPLACE VIEW v_investigation_status AS SELECT * FROM investigation_status FINAL;

CREATE OR REPLACE VIEW v_evidence AS SELECT * FROM evidence FINAL;

CREATE OR REPLACE VIEW v_reports AS SELECT * FROM reports FINAL;

CREATE OR REPLACE VIEW v_feedback AS SELECT * FROM feedback FINAL;

CREATE OR REPLACE VIEW v_costs AS SELECT * FROM costs FINAL;

CREATE OR REPLACE VIEW v_audit AS SELECT * FROM audit FINAL;

CREATE OR REPLACE VIEW v_dead_letters AS SELECT * FROM dead_letters FINAL;

CREATE OR REPLACE VIEW v_incident_transitions AS SELECT * FROM incidents FINAL;

-- The newest state of each incident.
CREATE OR REPLACE VIEW v_incidents AS
SELECT * FROM incidents FINAL
ORDER BY tenant, incident_id, revision DESC, occurred_at DESC
LIMIT 1 BY tenant, incident_id;

-- The newest revision of each investigation's report.
CREATE OR REPLACE VIEW v_latest_reports AS
SELECT * FROM reports FINAL
ORDER BY tenant, investigation_id, revision DESC, occurred_at DESC
LIMIT 1 BY tenant, investigation_id;

-- The rollup of the ledger. A view over de-duplicated rows: figures add up whatever was landed twice.
-- cost_nano_usd is the sum of the priced entries, NULL where none has a price; unpriced entries are counted apart.
CREATE OR REPLACE VIEW v_costs_daily AS
SELECT
    c.tenant AS tenant,
    toDate(c.occurred_at) AS day,
    c.service AS service,
    c.alarm AS alarm,
    c.step AS step,
    c.kind AS kind,
    c.provider AS provider,
    c.model AS model,
    count() AS entries,
    countIf(c.cost_nano_usd IS NULL) AS unpriced_entries,
    sum(c.cost_nano_usd) AS cost_nano_usd,
    sum(c.input_uncached) AS input_uncached,
    sum(c.cache_read) AS cache_read,
    sum(c.cache_write) AS cache_write,
    sum(c.output) AS output,
    sum(c.reasoning) AS reasoning,
    sum(c.rows_read) AS rows_read,
    sum(c.duration_ms) AS duration_ms
FROM costs AS c FINAL
GROUP BY tenant, day, service, alarm, step, kind, provider, model;
