"""Measures of generated text: fluency, variety, novelty, distance to real text (section 6.1)."""
