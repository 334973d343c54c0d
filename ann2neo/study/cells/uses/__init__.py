"""Cells of networks that learn wrong labels by heart, and what their spikes are good for."""
