"""Table 5: what labels are inferred from, and how each row is tuned and trained."""
