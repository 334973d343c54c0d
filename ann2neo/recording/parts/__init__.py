"""Recordings made in parts: plan, record each part anywhere, finish."""
