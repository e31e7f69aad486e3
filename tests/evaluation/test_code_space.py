import math
from dataclasses import replace

import numpy as np
import pytest
import small
import torch
from reference import edit_distance

from arae_toolkit.data.corpus import pack
from arae_toolkit.evaluation.code_space import (
    CodeSpaceStatistics,
    collapse_signs,
    collapse_warning,
    covariance_trace,
    edit_neighbours,
    measure_code_space,
    random_pairs,
)
from arae_toolkit.evaluation.reconstruction import codes_of

HEALTHY = CodeSpaceStatistics(1.0, 1.0, 0.9, 0.9, 0.5, 0.1, 0.1, 0.05, 99.0)


def test_edit_neighbours_are_near_and_never_the_sentence_itself():
    """Pairs within the distance, seeded."""
    random = np.random.default_rng(0)
    rows = [[*random.integers(4, 7, size=random.integers(2, 6)).tolist(), 2] for _ in range(60)]
    packed = pack(rows, vocab_size=10)
    pairs = edit_neighbours(packed, seed=1, origins=10, each=4, most_edits=2)
    assert len(pairs) > 0
    for first, second in pairs:
        assert first != second
        assert edit_distance(rows[first], rows[second]) <= 2
    assert (pairs == edit_neighbours(packed, seed=1, origins=10, each=4, most_edits=2)).all()


def test_the_covariance_trace_is_the_summed_variance():
    """Two codes at distance 2 along one axis: variance 2."""
    assert covariance_trace(torch.tensor([[1.0, 5.0], [-1.0, 5.0]])) == pytest.approx(2.0)
    assert math.isnan(covariance_trace(torch.tensor([[1.0, 5.0]])))  # and warns of nothing


def test_monitors_of_a_model():
    """Norms are 1 on the sphere; a critic gives an estimate, its absence none."""
    words = small.vocabulary()
    arae, store = small.model(words), small.store(words)
    pairs = edit_neighbours(small.sentences(words), seed=0)
    monitors = measure_code_space(arae, store, rows=np.arange(8), neighbours=pairs)
    assert monitors.code_norm == pytest.approx(1, abs=1e-5)
    assert monitors.generated_norm == pytest.approx(1, abs=1e-5)
    assert monitors.neighbour_cosine > monitors.random_cosine - 1
    assert "wasserstein" not in monitors.values()


def test_neighbours_are_looked_for_in_the_whole_split():
    """Each of 5,000 sentences has one neighbour, wherever it stands."""
    random = np.random.default_rng(0)
    rows = random.integers(4, 1000, size=(5000, 8))
    rows[2500:] = rows[:2500]
    rows[2500:, 3] = 3
    packed = pack([[*row, 2] for row in rows.tolist()], vocab_size=1000)
    pairs = edit_neighbours(packed, seed=2, most_edits=1)
    assert sorted(pairs[:, 1].tolist()) == sorted(((pairs[:, 0] + 2500) % 5000).tolist())
    assert len(pairs) == 250


def test_a_sentence_counts_once_however_many_neighbours_it_has():
    words = small.vocabulary()
    arae, store = small.model(words).eval(), small.store(words)
    pairs = np.array([[0, 3], [0, 4], [0, 1], [5, 2]])
    found = measure_code_space(arae, store, rows=np.arange(8), neighbours=pairs)
    first, second = (codes_of(arae, store, rows) for rows in pairs.T)
    cosines = torch.cosine_similarity(first, second).detach()
    expected = (cosines[:3].mean() + cosines[3]) / 2
    assert found.neighbour_cosine == pytest.approx(float(expected), abs=1e-6)
    assert found.neighbour_cosine != pytest.approx(float(cosines.mean()), abs=1e-3)


def test_random_pairs_are_as_long_as_the_neighbours():
    """Any other row of the length, each as often; the origin itself never."""
    lengths = np.array([3, 5, 3, 7, 3, 5])
    pairs = np.array([[0, 2]] * 600 + [[1, 4]] * 600 + [[3, 5]] * 600)
    drawn = random_pairs(lengths, pairs, seed=0)
    assert (drawn[:, 0] == pairs[:, 0]).all()
    assert (lengths[drawn[:, 1]] == lengths[pairs[:, 1]]).all()
    for origin, rows in ((0, {2, 4}), (1, {0, 2, 4}), (3, {1, 5})):
        found, counts = np.unique(drawn[drawn[:, 0] == origin, 1], return_counts=True)
        assert set(found.tolist()) == rows
        assert counts.min() > 0.8 * 600 / len(rows)


def test_random_pairs_are_what_neighbours_are_compared_with():
    """Where neighbours are the only rows of their lengths, both cosines are the same."""
    words = small.vocabulary()
    arae, store = small.model(words), small.store(words)
    lengths = store.host_lengths
    alone = [row for row in range(8) if (lengths == lengths[row]).sum() == 1]
    pairs = np.array([[origin, row] for origin in (0, 3) for row in alone])
    found = measure_code_space(arae, store, rows=np.arange(8), neighbours=pairs)
    assert len(pairs) >= 2
    assert found.random_cosine == pytest.approx(found.neighbour_cosine, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"unique_samples": 3.0}, "mode collapse"),
        ({"generated_variance": 0.01}, "prior too narrow"),
        ({"code_variance": 1e-5, "generated_variance": 1e-5}, "code collapse"),
    ],
)
def test_a_collapse_is_named(change, name):
    """Each kind has its own line, with a remedy; a healthy model has none."""
    collapsed = replace(HEALTHY, **change)
    warning = collapse_warning(collapsed, collapse_signs(collapsed))
    assert warning is not None
    assert warning.startswith(name)
    assert collapse_warning(HEALTHY, collapse_signs(HEALTHY)) is None


def test_two_evaluations_have_to_agree_on_a_collapse():
    """One alone is none, nor are two of different kinds, nor one that goes back."""
    few, narrow = replace(HEALTHY, unique_samples=5.0), replace(HEALTHY, generated_variance=0.1)
    assert collapse_warning(few, [np.inf] * 3) is None
    assert collapse_warning(few, collapse_signs(HEALTHY)) is None
    assert collapse_warning(few, collapse_signs(narrow)) is None
    more = replace(HEALTHY, unique_samples=20.0)
    assert collapse_warning(more, collapse_signs(few)) is None
    assert "only 5 %" in str(collapse_warning(few, collapse_signs(more)))
    assert "only 5 %" in str(collapse_warning(few, collapse_signs(few)))
