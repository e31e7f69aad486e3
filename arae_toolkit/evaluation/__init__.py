"""Measurements on trained models. Every number can be computed again from a model folder alone."""
