"""Bridges to other libraries, each optional and in one module: torchtext, datasets and others."""
