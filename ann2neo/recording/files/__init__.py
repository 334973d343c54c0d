"""Activations that other programs left in files."""
