"""NWB files."""
