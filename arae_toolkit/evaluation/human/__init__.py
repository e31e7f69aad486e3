"""Ratings by people: blind sheets, the page that shows them, what filled ones say."""
