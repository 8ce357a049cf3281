"""Every query anybody asks of ClickHouse, each a named typed function."""
