"""Unaligned transfer: sentences rewritten so that an attribute changes and the rest stays."""
