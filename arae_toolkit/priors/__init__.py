"""Priors fitted to the codes of a trained run, and the folders they lie in."""
