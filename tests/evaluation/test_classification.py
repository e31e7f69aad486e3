import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.evaluation.classification import calibration_error, measure_classification

NAMES = ("no", "maybe", "yes")
PROBABILITIES = np.array(
    [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6]]
)
GOLD = np.array([0, 1, 1, 2, 2])


def test_every_number_by_hand():
    result = measure_classification(PROBABILITIES, GOLD, labels=NAMES)
    assert result.accuracy == 60.0
    assert result.majority == 40.0
    assert result.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [1, 0, 1]]
    nats = -np.log([0.7, 0.8, 0.2, 0.2, 0.6]).mean()
    assert result.nats == pytest.approx(nats)
    assert result.labels == NAMES


def test_precision_recall_and_f1_of_each_class():
    rows = measure_classification(PROBABILITIES, GOLD, labels=NAMES).per_class()
    assert [row["label"] for row in rows] == list(NAMES)
    assert [row["rows"] for row in rows] == [1, 2, 2]
    assert [row["precision"] for row in rows] == [50.0, 100.0, 50.0]
    assert [row["recall"] for row in rows] == [100.0, 50.0, 50.0]
    assert [row["f1"] for row in rows] == pytest.approx([200 / 3, 200 / 3, 50.0])


def test_a_class_that_is_never_met_has_zeros_and_no_division():
    result = measure_classification(np.array([[1.0, 0.0]]), np.array([0]), labels=["a", "b"])
    assert result.per_class()[1] == {
        "label": "b", "rows": 0, "precision": 0.0, "recall": 0.0, "f1": 0.0,
    }  # fmt: skip


def test_a_gold_class_of_no_probability_costs_much_and_stays_finite():
    result = measure_classification(np.array([[1.0, 0.0]]), np.array([1]), labels=["a", "b"])
    assert result.nats == pytest.approx(12 * math.log(10))


def test_the_calibration_error_is_the_mean_distance_over_bins():
    # Two bins: 0.75 +- 0.01, three of four right; 0.95, one of two right.
    confidence = np.array([0.74, 0.74, 0.74, 0.74, 0.95, 0.95])
    right = np.array([True, True, True, False, True, False])
    expected = (4 * abs(0.74 - 0.75) + 2 * abs(0.95 - 0.5)) / 6
    assert calibration_error(confidence, right) == pytest.approx(100 * expected)


def test_distances_of_different_bins_do_not_cancel():
    confidence, right = np.array([0.5, 1.0]), np.array([True, False])
    assert calibration_error(confidence, right) == pytest.approx(100 * (0.5 + 1.0) / 2)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_the_calibration_error_lies_between_no_binning_and_no_averaging(rows):
    confidence, right = (np.array(column) for column in zip(*rows, strict=True))
    error = calibration_error(confidence, right)
    assert error >= 100 * abs((confidence - right).mean()) - 1e-9
    assert error <= 100 * np.abs(confidence - right).mean() + 1e-9


@given(st.integers(1, 30), st.integers(2, 4), st.integers(0, 2**16))
def test_confusions_sum_to_the_rows_and_the_order_of_rows_is_nothing(count, labels, seed):
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.ones(labels), size=count)
    gold = random.integers(labels, size=count)
    names = [str(index) for index in range(labels)]
    result = measure_classification(probabilities, gold, labels=names)
    assert result.confusion.sum() == count
    assert result.confusion.sum(axis=1).tolist() == np.bincount(gold, minlength=labels).tolist()
    assert result.accuracy == pytest.approx(100 * np.trace(result.confusion) / count)
    order = random.permutation(count)
    other = measure_classification(probabilities[order], gold[order], labels=names)
    assert other.confusion.tolist() == result.confusion.tolist()
    assert other.calibration_error == pytest.approx(result.calibration_error, abs=1e-9)
    assert other.nats == pytest.approx(result.nats)


@pytest.mark.parametrize("shape", [(4, 3), (5, 2), (0, 3)])
def test_shapes_that_disagree_are_named(shape):
    with pytest.raises(ValueError, match=rf"\({shape[0]}, {shape[1]}\) do not fit"):
        measure_classification(np.ones(shape), GOLD[: shape[0] and 5], labels=NAMES)
