"""Pictures on given axes."""
