"""Rows that another library reads, without the library."""

import pytest

from arae_toolkit.data_prep.readers.outside_rows import OutsideRows
from arae_toolkit.data_prep.readers.source_rows import RowLog

NO_LABEL = (None, "", "-", -1, "-1", "nan", float("nan"))


def outside(labels, **splits):
    """Return labelled texts as a library hands them over; pairs where there is a test split."""
    fields = ("premise", "hypothesis") if "test" in splits else ("premise",)

    def rows(values):
        return [{"premise": "a man", "hypothesis": "a dog", "label": value} for value in values]

    made = {split: lambda values=values: iter(rows(values)) for split, values in splits.items()}
    return OutsideRows("someone/rows", made, (), fields, "label", labels=labels)


@pytest.mark.parametrize("names", [None, ("bad", "good")])
def test_what_means_no_label_is_none(names):
    found = outside(names, train=[*NO_LABEL, 1]).text_rows().sentences["train"](RowLog())
    labels = [sentence.label for sentence in found]
    assert labels == [None] * len(NO_LABEL) + ["1" if names is None else "good"]


@pytest.mark.parametrize(("last", "taken"), [(float("nan"), False), (0, True)])
def test_pairs_of_a_test_split_without_any_label_are_left(last, taken):
    values = {"train": [0] * 20, "dev": [0] * 3, "test": [*NO_LABEL, last]}
    pairs = outside(("yes", "no"), **values).text_rows().pairs
    assert len(list(pairs["test"](RowLog()))) == (len(NO_LABEL) + 1 if taken else 3)
