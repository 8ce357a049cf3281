"""Follow-up questions about an investigation, answered from its own evidence: by code, or by a model whose sentences are checked."""
