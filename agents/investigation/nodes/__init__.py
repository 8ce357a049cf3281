"""The steps of an investigation: async functions of (state or order, context) that return a typed delta."""
