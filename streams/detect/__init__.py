"""Online detection: KPI batches in, alarms of level shifts, spikes, trends and missing data out."""
