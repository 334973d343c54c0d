"""What spikes are good for in practice: suspicious labels, nearest patterns, units to remove."""
