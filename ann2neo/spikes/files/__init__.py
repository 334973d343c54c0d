"""Rasters on disk: the store, whole files and folders, what is checked before others' files are read."""
