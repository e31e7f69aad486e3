"""``arae-toolkit sweep`` and its subcommands."""
