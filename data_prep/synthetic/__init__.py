"""Synthetic corpora from grammars of our own, byte for byte the same everywhere."""
