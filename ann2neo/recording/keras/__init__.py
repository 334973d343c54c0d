"""Keras 3 models, on any Keras backend."""
