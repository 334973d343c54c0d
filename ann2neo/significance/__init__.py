"""Statistics → p-values: tests against named nulls, surrogates, and the Poisson assumptions."""
