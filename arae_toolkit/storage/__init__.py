"""Files on disk: written whole, read line by line, found by name, tensors without pickle."""
