"""Cases and peers for the benchmark of the analysis."""
