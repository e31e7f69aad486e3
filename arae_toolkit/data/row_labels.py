"""Pairs and labels as people write them into rows: names of fields, and values that mean none."""

from __future__ import annotations

import math
from typing import Any

PREMISE, HYPOTHESIS = ("premise", "sentence1"), ("hypothesis", "sentence2")
"""What the two texts of a pair may be called; the first name that a row has counts."""
PAIR_LABEL = ("gold_label", "label")
"""What the label of a pair is called unless someone says otherwise."""

NO_NUMBER = "-1"
"""What exports write as the class id of rows without a label."""
_NO_LABEL = ("", "-", "nan", "null")


def means_no_label(value: Any) -> bool:
    """Return whether a value says that a row has no label.

    SNLI has ``-`` where its annotators did not agree, copies of it -1, tables empty cells, what was
    written by pandas NaN.

    Example:
        >>> [means_no_label(value) for value in (None, "-", -1, float("nan"), 0, "none")]
        [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().casefold() in (*_NO_LABEL, NO_NUMBER)
    if isinstance(value, float) and math.isnan(value):
        return True
    return value is None or (not isinstance(value, bool) and value == -1)
