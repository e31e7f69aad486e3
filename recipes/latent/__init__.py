"""``arae-toolkit latent`` and its subcommands."""
