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


class NAType:
    """As pandas calls what it has for a missing value, which is equal to nothing and unequal."""

    def __eq__(self, other):
        return self

    __ne__ = __eq__
    __hash__ = None

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


NAN = float("nan")


@pytest.mark.parametrize(
    ("y", "told"),
    [
        (["a", None, "b"], "no label in row 1 of y"),
        (["a", NAN, "b", np.float32("nan")], "no label in rows 1, 3 of y"),
        ([0, 1, None], "no label in row 2 of y"),
        (np.array([0, 1, np.nan]), "no label in row 2 of y"),
        (np.array([NAN, 1, 0], dtype=np.float32), "no label in row 0 of y"),
        (np.array(["a", None, "b"], dtype=object), "no label in row 1 of y"),
        (["a", NAType(), "b"], "no label in row 1 of y"),
        ([None] * 9, "no label in rows 0, 1, 2, 3, 4 and 4 more of y"),
    ],
)
def test_a_label_that_is_null_names_its_rows_and_the_way_out(y, told):
    with pytest.raises(ValueError, match=r"^no label in row") as raised:
        labels_of(y, ["x"] * len(y))
    assert str(raised.value) == f"{told} (None or NaN); drop such rows from X and y"
