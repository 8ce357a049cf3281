"""What people configure for their tenant: silences, policies, topology, runbooks; read by triage within seconds."""
