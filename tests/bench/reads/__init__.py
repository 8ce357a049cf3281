"""Parts of the benchmark `api-reads`: its rows, its servers, the load, the bare peer."""
