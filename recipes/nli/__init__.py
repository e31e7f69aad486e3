"""``arae-toolkit nli`` and its subcommands."""
