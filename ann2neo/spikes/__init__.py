"""The data everything shares: which unit was active at which sample."""
