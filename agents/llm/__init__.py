"""The one door to language models. Callers use `gateway.LlmGateway.ask` and match its closed outcome."""
