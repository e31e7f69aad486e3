"""Measurements on trained models, each to be had again from a model folder alone."""
