ALTER TABLE costs DROP PROJECTION IF EXISTS entries_by_day SETTINGS mutations_sync = 1;
ALTER TABLE costs DROP PROJECTION IF EXISTS sums_by_step SETTINGS mutations_sync = 1;
ALTER TABLE costs DROP PROJECTION IF EXISTS sums_by_alarm SETTINGS mutations_sync = 1;
ALTER TABLE costs RESET SETTING deduplicate_merge_projection_mode, lightweight_mutation_projection_mode;
