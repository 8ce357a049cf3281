"""`tocsin demo`: a simulated shop, a fault, and what Tocsin makes of it."""
