"""Transfer by masking what marks an attribute and filling in what marks another."""
