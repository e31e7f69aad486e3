"""``arae-toolkit sample | reconstruct | interpolate | encode``."""
