"""Checkpoints: what an investigation that loses its worker goes on from. PostgreSQL's are imported by those who have it."""

from agents.investigation.checkpoints.pruning import pruned_checkpoints
from agents.investigation.checkpoints.saver import StoredCheckpoints
from agents.investigation.checkpoints.serializer import checkpoint_serializer
from agents.investigation.checkpoints.sqlite import open_checkpoints

__all__ = ["StoredCheckpoints", "checkpoint_serializer", "open_checkpoints", "pruned_checkpoints"]
