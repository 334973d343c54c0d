"""Units seen singly and in pairs: tuning to classes, distributions of rates, correlations, trials."""
