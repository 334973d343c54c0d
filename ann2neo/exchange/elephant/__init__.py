"""Elephant's own surrogates, generators and change-point test."""
