DROP TABLE investigation_markers;
DROP TABLE call_journal;
DROP TABLE documents;
