"""Soaks: long work, disturbed again and again, compared with work that nobody disturbs."""
