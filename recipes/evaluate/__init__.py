"""``arae-toolkit evaluate`` and its subcommands."""
