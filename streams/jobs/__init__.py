"""Bounded work over Kafka: jobs of minutes and batches, both committing only what is finished."""
