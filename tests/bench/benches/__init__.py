"""One benchmark a module; `tests.bench.catalogue` lists them. Each has `async def measure(run: Run) -> list[Figure]`."""
