DROP VIEW IF EXISTS v_latest_feedback;
