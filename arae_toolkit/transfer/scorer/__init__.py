"""The sentence scorer inside a transfer model: attribute and fluency."""
