"""REST over HTTP: one module per concern and per resource."""
