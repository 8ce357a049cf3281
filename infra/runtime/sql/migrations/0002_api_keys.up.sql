-- Instants are ISO 8601 texts in UTC: both databases give them back as they came.
CREATE TABLE api_keys (
    key_id TEXT PRIMARY KEY,
    environment TEXT NOT NULL,
    tenant TEXT NOT NULL,
    label TEXT NOT NULL,
    roles TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT,
    digest TEXT NOT NULL
);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant, created_at);
