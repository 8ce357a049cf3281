"""What log lines say: statements, failures, stack traces, and the requests that lines belong to."""
