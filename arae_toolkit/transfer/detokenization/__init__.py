"""From a model's tokens to natural text: spacing, capitals, articles."""
