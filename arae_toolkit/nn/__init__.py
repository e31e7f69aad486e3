"""Building blocks: encoders, decoders, critic, priors, embedding."""
