import numpy as np
import pytest

from arae_toolkit.estimators.validation import labels_of, pairs_of

PAIRS = [("a man runs .", "a man moves ."), ("a dog .", "an animal .")]


class Frame:
    """What of a data frame is asked for."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self.values = list(zip(*columns.values(), strict=True))
        self.shape = (len(self.values), len(columns))
        self.data = columns

    def __getitem__(self, name):
        return self.data[name]


PREMISES, HYPOTHESES = (list(side) for side in zip(*PAIRS, strict=True))


@pytest.mark.parametrize(
    "rows",
    [
        PAIRS,
        [list(pair) for pair in PAIRS],
        np.array(PAIRS),
        [{"hypothesis": h, "premise": p, "id": 1} for p, h in PAIRS],
        [{"sentence1": p, "sentence2": h} for p, h in PAIRS],
        Frame(hypothesis=HYPOTHESES, premise=PREMISES),
        Frame(number=[1, 2], sentence2=HYPOTHESES, sentence1=PREMISES),
        Frame(question=PREMISES, answer=HYPOTHESES),
    ],
)
def test_sides_are_taken_by_name_where_they_have_names(rows):
    assert pairs_of(rows) == PAIRS


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([{"a": "x", "b": "y"}], "row 0: dict is no pair of texts"),
        ([{"premise", "hypothesis"}], "row 0: set is no pair of texts"),
        ([frozenset("ab")], "row 0: frozenset is no pair of texts"),
        ({"premise": PREMISES, "hypothesis": HYPOTHESES}, "a dict, where rows are needed"),
        ((PREMISES, HYPOTHESES), "two lists may be two columns or two pairs"),
        (Frame(a=["x"], b=["y"], c=["z"]), r"an array of shape \(1, 3\)"),
    ],
)
def test_what_may_be_something_else_is_refused(rows, problem):
    with pytest.raises(ValueError, match=problem):
        pairs_of(rows)


def test_minus_one_among_other_numbers_is_no_class():
    with pytest.raises(ValueError, match="y holds -1, which means no label"):
        labels_of([0, 1, -1], "abc")
    assert labels_of([-1, 1], "ab")[1].tolist() == [-1, 1]
    assert labels_of(["-1", "0", "1"], "abc")[1].tolist() == ["-1", "0", "1"]
