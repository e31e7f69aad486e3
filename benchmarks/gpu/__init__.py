"""A session on a GPU: commands in turn within one time, each in a process of its own."""
