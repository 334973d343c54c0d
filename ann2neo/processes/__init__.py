"""Models of a unit's process: fit, compare, simulate."""
