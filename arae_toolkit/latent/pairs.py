"""Pairs of sentences to walk between: captions of our own, fixed before any model walked."""

from __future__ import annotations

PAIRS = (
    (
        "a man is playing an old guitar on a small stage .",
        "a woman is reading a book in the park .",
    ),
    ("two dogs are running on the beach .", "the children are eating lunch at a table ."),
    ("a boy in a red shirt kicks a ball .", "a girl in a blue dress rides a bike ."),
    ("people are waiting for the bus .", "a crowd is watching a parade in the street ."),
    ("an old man sleeps on a bench .", "a young woman jumps into the water ."),
)
"""Those that every published walk is between."""
MORE_PAIRS = (
    ("a man in a blue jacket leads a horse .", "two women are talking in a small kitchen ."),
    ("the little girl is painting a boat .", "a soccer player slips on the wet grass ."),
    ("a brown dog jumps over the garden wall .", "a cat is lying on a pile of clothes ."),
    ("four friends hike up a steep mountain .", "an old woman sells fruit at the market ."),
    ("a waiter carries plates to a table .", "the children build a castle in the sand ."),
)
"""Five more, which no choice of a model has looked at."""
