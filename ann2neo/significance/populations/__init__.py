"""Populations of binary units with given rates and correlations."""
