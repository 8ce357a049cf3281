"""Events that arrive over HTTP: one module per sender's format, each pure: bytes in, events and problems out."""
