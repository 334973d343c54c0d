"""Compiled loops that draw surrogates and permutations."""
