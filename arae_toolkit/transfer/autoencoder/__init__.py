"""Algorithm 2: the transfer autoencoder, its training and its rewriter."""
