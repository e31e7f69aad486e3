"""``arae-toolkit prior`` and its subcommands."""
