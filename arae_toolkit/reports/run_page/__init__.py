"""The page about a run: what its folder holds, as one file of HTML."""
