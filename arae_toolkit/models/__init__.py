"""Autoencoders of text and images with a prior over their codes, and the folders they lie in."""
