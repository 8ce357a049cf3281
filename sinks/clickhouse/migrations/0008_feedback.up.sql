-- What each person last said of each investigation, beside what its newest report said: `model` is its mode, `cause_kind`
-- that of its first cause. Empty where the report is past its retention.
CREATE OR REPLACE VIEW v_latest_feedback AS
SELECT
    f.tenant AS tenant,
    f.investigation_id AS investigation_id,
    f.by AS by,
    f.occurred_at AS occurred_at,
    f.score AS score,
    f.comment AS comment,
    f.actual_service AS actual_service,
    r.verdict AS verdict,
    r.mode AS model,
    r.cause_services[1] AS cause_service,
    r.cause_kinds[1] AS cause_kind,
    r.confidence AS confidence,
    r.recurrence_of AS recurrence_of
FROM
(
    SELECT tenant, investigation_id, by, occurred_at, score, comment, actual_service
    FROM feedback FINAL
    ORDER BY tenant, investigation_id, by, occurred_at DESC, event_id
    LIMIT 1 BY tenant, investigation_id, by
) AS f
LEFT JOIN
(
    SELECT tenant, investigation_id, verdict, mode, cause_services, cause_kinds, confidence, recurrence_of
    FROM reports
    WHERE (tenant, investigation_id) IN (SELECT tenant, investigation_id FROM feedback)
    ORDER BY tenant, investigation_id, revision DESC, occurred_at DESC
    LIMIT 1 BY tenant, investigation_id
) AS r ON r.tenant = f.tenant AND r.investigation_id = f.investigation_id;
