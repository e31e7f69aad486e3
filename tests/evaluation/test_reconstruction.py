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
    collapse_warning,
    covariance_trace,
    edit_neighbours,
    measure_code_space,
)
from arae_toolkit.evaluation.reconstruction import (
    codes_of,
    measure_reconstruction,
    swapped_reconstruction_nats,
)

HEALTHY = CodeSpaceStatistics(1.0, 1.0, 0.9, 0.9, 0.5, 0.1, 0.1, 0.05, 99.0)


def test_reconstruction_equals_a_direct_count():
    """Nats, exactness and accuracy are those of the sentences taken one by one."""
    words = small.vocabulary()
    arae = small.model(words).eval()
    measured = measure_reconstruction(arae, small.store(words))
    nats, tokens = arae.nats(small.SENTENCES)
    back = arae.reconstruct(small.SENTENCES)
    exact = sum(a == b for a, b in zip(back, small.SENTENCES, strict=True))
    assert measured.nats_per_sentence == pytest.approx(sum(nats) / 8, rel=1e-4)
    assert measured.nats_per_token == pytest.approx(sum(nats) / sum(tokens), rel=1e-4)
    assert measured.exact == pytest.approx(100 * exact / 8)
    assert measured.sentences == 8


def test_a_uniform_decoder_costs_log_v_a_token():
    """With a projection of zeros every word is equally likely."""
    words = small.vocabulary()
    arae = small.model(words)
    with torch.no_grad():
        arae.decoder.projection.weight.zero_()
        arae.decoder.projection.bias.zero_()
    measured = measure_reconstruction(arae, small.store(words))
    assert measured.nats_per_token == pytest.approx(math.log(len(words)), rel=1e-5)


def test_no_swaps_cost_what_the_reconstruction_costs():
    """k = 0 is the plain reconstruction; more swaps change the codes."""
    words = small.vocabulary()
    arae, store = small.model(words), small.store(words)
    plain = measure_reconstruction(arae, store).nats_per_sentence
    assert swapped_reconstruction_nats(arae, store, swaps=0, seed=0) == pytest.approx(plain)
    assert swapped_reconstruction_nats(arae, store, swaps=2, seed=0) != pytest.approx(plain)


def test_codes_come_in_the_order_of_the_rows():
    """Grouping by length stays inside."""
    words = small.vocabulary()
    arae, store = small.model(words).eval(), small.store(words)
    rows = np.array([6, 0, 3])
    expected = torch.cat([arae.encoder(store.batch(rows[i : i + 1])) for i in range(3)]).detach()
    torch.testing.assert_close(codes_of(arae, store, rows), expected)


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
    warning = collapse_warning(replace(HEALTHY, **change))
    assert warning is not None
    assert warning.startswith(name)
    assert collapse_warning(HEALTHY) is None
