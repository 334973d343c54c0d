"""Confidence intervals by resampling: of samples, units or networks."""
