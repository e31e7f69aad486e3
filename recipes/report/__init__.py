"""``arae-toolkit report``: what is known of a run, in one page."""
