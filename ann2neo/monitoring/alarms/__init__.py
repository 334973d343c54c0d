"""Monitors that warn, and the rules by which they judge."""
