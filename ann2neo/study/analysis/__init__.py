"""What the cells of a study found: tables, findings, verdicts."""
