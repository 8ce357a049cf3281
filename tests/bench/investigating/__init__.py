"""What the benchmarks of investigations share."""
