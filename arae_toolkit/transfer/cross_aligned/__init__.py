"""The cross-aligned autoencoder (Shen et al., NIPS 2017), the baseline of Table 3."""
