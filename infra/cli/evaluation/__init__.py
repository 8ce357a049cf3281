"""`tocsin eval`: the investigation measured, on recorded cases and on simulated incidents."""
