"""The local page and its HTTP API: runs served on this machine alone (extra ``web``)."""
