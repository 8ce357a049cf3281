"""SQLite for what is neither a stream nor analytics: configuration, journal, markers."""

from infra.runtime.sql.control import ControlStore
from infra.runtime.sql.database import Database, open_database
from infra.runtime.sql.journal import SqlJournal
from infra.runtime.sql.markers import SqlMarkers

__all__ = ["ControlStore", "Database", "SqlJournal", "SqlMarkers", "open_database"]
