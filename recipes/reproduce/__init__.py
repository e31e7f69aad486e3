"""``arae-toolkit reproduce``: the paper's tables, measured anew."""
