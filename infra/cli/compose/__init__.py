"""The composition root: where the packages that never import one another are joined."""
