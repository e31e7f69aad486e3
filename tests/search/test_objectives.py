import math

import pytest

from arae_toolkit.errors import ToolkitError
from arae_toolkit.search.objectives import kept_row, objectives


def test_the_better_side_of_a_figure_is_known_or_told():
    found = objectives("accuracy,accuracy-of-odd:max, nats_per_token ,exact:min")
    assert [one.maximize for one in found] == [True, True, False, False]
    assert [one.name for one in found] == ["accuracy", "accuracy-of-odd", "nats_per_token", "exact"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no objective"),
        ("exact,", "is no objective"),
        ("exact:up", "is no objective"),
        ("exact,exact", "exact is given twice"),
        ("forward-perplexity", "sentences can be drawn"),
    ],
)
def test_what_is_no_objective_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        objectives(text)


def test_a_value_is_that_of_the_row_on_dev():
    (reconstruction,) = objectives("reconstruction")
    assert reconstruction.value({"nats_per_image": 70.5, "nats_per_token": 1.0}) == 70.5
    (reverse,) = objectives("reverse-perplexity")
    assert reverse.value({"reverse_perplexity": 31}) == 31.0
    assert math.isnan(reverse.value({"reverse_perplexity": None}))
    assert (reverse.unit, objectives("accuracy")[0].unit) == ("per token", "percent")
    with pytest.raises(ToolkitError, match=r"no figure 'reverse-perplexity' on dev .*has exact"):
        reverse.value({"kind": "dev", "epoch": 1.0, "exact": 3.0, "warning": None})


def test_the_row_that_counts_is_that_of_the_weights_that_are_kept():
    rows = [
        {"nats_per_sentence": 9.0, "kl_nats": 3.0, "reverse_perplexity": 40.0},
        {"nats_per_sentence": 8.0, "kl_nats": 5.0, "reverse_perplexity": 30.0},
        {"nats_per_sentence": 7.0, "kl_nats": 7.0, "reverse_perplexity": None},
    ]
    assert kept_row(rows) is rows[2]
    assert kept_row(rows, "reverse-perplexity") is rows[1]
    assert kept_row(rows, "nats") is rows[0]
    classified = [{"accuracy": 1.0, "best": True}, {"accuracy": 0.5, "best": False}]
    assert kept_row(classified) is classified[0]
