"""The embedded ClickHouse: chDB behind ClickHouse's own HTTP protocol, one process that many share.

Plain clients work against it: clickhouse_connect (synchronous and asynchronous), curl. It serves queries by URL,
body, both and multipart form; `param_*`; settings per query; `database`; query ids; gzip, deflate, lz4 and zstd
both ways; every input and output format; deduplicated inserts; basic, header and URL authentication; streamed
SELECTs. GET is read-only, as in ClickHouse.

Not supported, and answered with ClickHouse's NOT_IMPLEMENTED (code 48, HTTP 501): external data, temporary tables,
SET and USE within a session (`session_id` itself is accepted: a session keeps nothing here), roles, ClickHouse's own
block framing (`compress=1`, `decompress=1`), and `ENGINE = Kafka`. Progress headers are not sent.

Whoever may query may read what this process may read (`file()`, `FROM INFILE`): listen on loopback, or set a user.
"""
