"""From codes to words: decoding, token sampling, continuous batching."""
