"""SQLite or PostgreSQL for what is neither a stream nor analytics: configuration, journal, markers."""

from infra.runtime.sql.control import ControlStore
from infra.runtime.sql.database import Database, Statement, Value
from infra.runtime.sql.journal import SqlJournal
from infra.runtime.sql.markers import SqlMarkers
from infra.runtime.sql.migrate import SqlMigrator, load_sql_migrations
from infra.runtime.sql.open import open_database

__all__ = [
    "ControlStore",
    "Database",
    "SqlJournal",
    "SqlMarkers",
    "SqlMigrator",
    "Statement",
    "Value",
    "load_sql_migrations",
    "open_database",
]
