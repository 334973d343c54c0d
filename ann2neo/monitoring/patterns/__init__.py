"""The activation patterns of a network while it trains."""
