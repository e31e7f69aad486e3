"""Encoders, decoders, priors and critics, and the autoencoders put together from them."""
