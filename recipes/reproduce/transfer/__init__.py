"""Tables 2 to 4: the systems of transfer, how they are tuned and trained, and what they write."""
