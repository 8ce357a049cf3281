"""Parts of the benchmark `kpi-path`."""
