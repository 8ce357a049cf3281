"""How a provider is spoken to; everything else is in the gateway."""
