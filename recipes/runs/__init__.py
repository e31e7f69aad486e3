"""``arae-toolkit runs`` and its subcommand: the runs that there are, and runs side by side."""
