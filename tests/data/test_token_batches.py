import numpy as np
import pytest
import small
import torch
from hypothesis import given
from hypothesis import strategies as st

from arae_toolkit.data.packed_sequence import Packing
from arae_toolkit.data.samplers import EpochSampler, draw
from arae_toolkit.data.token_batches import batch_of
from arae_toolkit.data.vocabulary import PAD


def test_a_batch_is_its_sentences_padded():
    """Rows, lengths and the places of real tokens are those of the packed sentences."""
    words = small.vocabulary()
    packed, store = small.sentences(words), small.store(words)
    rows = np.array([5, 0, 7])
    batch = store.batch(rows)
    for row, tokens, length in zip(rows, batch.tokens, batch.lengths, strict=True):
        assert tokens[:length].tolist() == packed[int(row)].tolist()
        assert (tokens[length:] == PAD).all()
    assert batch.tokens.shape[1] == int(batch.lengths.max())


def test_a_packing_has_the_real_tokens_in_time_order():
    """At each step the sentences that are still going, longest first, and where each one ends."""
    packing = Packing.of(np.array([2, 4, 1, 4]), width=5, device=torch.device("cpu"))
    assert packing.counts == (4, 3, 2, 2)
    assert packing.rows.tolist() == [1, 3, 0, 2, 1, 3, 0, 1, 3, 1, 3]
    assert packing.places.tolist() == [5, 15, 0, 10, 6, 16, 1, 7, 17, 8, 18]
    assert packing.rows[packing.ends].tolist() == [0, 1, 2, 3]
    assert (packing.places[packing.ends] % 5).tolist() == [1, 3, 0, 3]


def test_a_batch_gathered_on_the_device_is_the_same_but_wider():
    """Short batches are padded on; real tokens and lengths stay, and the host knows neither."""
    store = small.store(small.vocabulary())
    rows = np.array([4, 1])
    wide, free = store.batch_on_device(torch.from_numpy(rows), width=16), store.batch(rows)
    assert wide.tokens.shape == (2, 16)
    width = free.tokens.shape[1]
    assert torch.equal(wide.tokens[:, :width], free.tokens)
    assert (wide.tokens[:, width:] == PAD).all()
    assert torch.equal(wide.lengths, free.lengths)
    assert wide.packing is None
    assert int(wide.symbols) == free.symbols
    assert store.width(rows) == width


def test_groups_cover_the_rows_and_the_order_restores_them():
    store = small.store(small.vocabulary())
    rows = np.array([7, 2, 2, 0, 5, 1])
    batches, order = store.grouped(rows, groups=3)
    lengths = torch.cat([batch.lengths for batch in batches])[order]
    assert lengths.tolist() == store.host_lengths[rows].tolist()


def test_batch_of_equals_the_store():
    words = small.vocabulary()
    packed = small.sentences(words)
    direct = batch_of([packed[i].tolist() for i in (3, 1)], device=torch.device("cpu"))
    stored = small.store(words).batch(np.array([3, 1]))
    for name in ("tokens", "lengths"):
        assert torch.equal(getattr(direct, name), getattr(stored, name))
    assert direct.packing is not None and stored.packing is not None
    assert torch.equal(direct.packing.places, stored.packing.places)
    assert direct.packing.counts == stored.packing.counts


@given(
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=60),
    batch_size=st.integers(1, 9),
    pool=st.integers(1, 4),
    seed=st.integers(0, 3),
)
def test_an_epoch_has_each_row_at_most_once(lengths, batch_size, pool, seed):
    """Full batches, no row twice, fewer rows left over than one batch, the same each time."""
    sampler = EpochSampler(np.array(lengths), batch_size=batch_size, seed=seed, pool=pool)
    batches = list(sampler.epoch(2))
    rows = np.concatenate(batches)
    assert len(batches) == sampler.batches_per_epoch
    assert len(set(rows.tolist())) == len(rows)
    assert len(lengths) - len(rows) < batch_size
    assert all(len(batch) == sampler.batch_size for batch in batches)
    again = np.concatenate(list(sampler.epoch(2)))
    assert (rows == again).all()


@given(
    count=st.integers(1, 30),
    batch_size=st.integers(1, 9),
    iterations=st.lists(st.integers(0, 40), min_size=1, max_size=8),
)
def test_a_batch_by_its_iteration_is_that_of_the_epochs(count, batch_size, iterations):
    """Whatever was asked for before: a run resumed in any epoch meets the same batches."""
    lengths = np.arange(count) % 5 + 1
    sampler = EpochSampler(lengths, batch_size=batch_size, seed=3, pool=2)
    fresh = EpochSampler(lengths, batch_size=batch_size, seed=3, pool=2)
    for iteration in iterations:
        epoch, place = divmod(iteration, sampler.batches_per_epoch)
        assert (sampler.at(iteration) == list(fresh.epoch(epoch))[place]).all()


def test_batches_of_a_pool_are_of_like_lengths():
    """Sorting in pools leaves less padding than none."""
    lengths = np.random.default_rng(0).integers(4, 17, size=4000)

    def padding(pool: int) -> int:
        sampler = EpochSampler(lengths, batch_size=32, seed=1, pool=pool)
        return sum(int((lengths[b].max() - lengths[b]).sum()) for b in sampler.epoch(0))

    assert padding(50) < 0.1 * padding(1)


def test_epochs_and_seeds_differ():
    lengths = np.full(100, 5)
    orders = {
        tuple(np.concatenate(list(EpochSampler(lengths, batch_size=10, seed=s).epoch(e))).tolist())
        for s in (0, 1)
        for e in (0, 1)
    }
    assert len(orders) == 4


def test_an_empty_split_is_refused():
    """There is nothing to draw from."""
    with pytest.raises(ValueError, match="without rows"):
        EpochSampler(np.array([]), batch_size=2, seed=0)


def test_draws_are_fixed_by_their_seed():
    """The same place in a run draws the same rows."""
    assert (draw(50, 8, seed=(1, 2)) == draw(50, 8, seed=(1, 2))).all()
    assert (draw(50, 8, seed=(1, 2)) != draw(50, 8, seed=(1, 3))).any()
