"""Autoencoders with a prior over their codes, for text and images, and the folders that keep them."""
