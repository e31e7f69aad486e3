"""Transfer that learns nothing: delete markers, retrieve others."""
