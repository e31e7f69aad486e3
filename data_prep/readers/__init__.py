"""Readers of official corpus files, one format each."""
