"""What `surrogate_test` makes of a statistic's values over surrogates."""
