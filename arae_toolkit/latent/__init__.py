"""Work in code space (section 7): walks in codes and noise, offset vectors, neighbours, maps."""
