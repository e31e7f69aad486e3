"""Pretraining of a pair encoder by masked words, matching and generation."""
