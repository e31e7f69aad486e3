"""Vocabulary, prepared corpora, batches of tokens, labels and pixels, samplers, noise."""
