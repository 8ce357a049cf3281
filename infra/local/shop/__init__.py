"""A simulated shop: services, faults and the telemetry they make, a pure function of a seed."""
