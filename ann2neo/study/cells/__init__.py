"""Cells: one network of a study and what is done with it."""
