"""Routes on which events come in."""
