"""``arae-toolkit sample | reconstruct | encode``."""
