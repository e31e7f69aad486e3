"""Several processes that share out rows compute what one process computes."""

import pytest
import torch
from safetensors.torch import load_file
from small_ranks import trained, work
from torch import multiprocessing

from arae_toolkit.distributed.ranks import ALONE, Ranks

CASES = {
    "arae": {"settings": (), "prior": "generator"},
    "separate": {
        "settings": ("encoder_update=separate", "encoder_steps=2", "encoder_gradient=norm"),
        "prior": "generator",
    },
    "norm of gradients": {
        "settings": ("encoder_gradient=norm", "loss_unit=token", "clip_norm=0.1", "word_drop=0.3"),
        "prior": "generator",
    },
    "sampled softmax, tied tables": {
        "settings": ("softmax_samples=5", "tied_embeddings=all", "embedding_size=14"),
        "prior": "generator",
    },
    "batch normalization, clipped": {
        "settings": (
            *("generator_normalization=batch", "critic_normalization=batch"),
            *("critic_constraint=clip", "generator_noise=0.1", "code_noise_factor=1"),
        ),
        "prior": "generator",
    },
    "flow": {
        "settings": ("flow_weight=0.2", "flow_width=8", "flow_blocks=1"),
        "prior": "generator",
    },
    "autoencoder": {"settings": ("autoencoder_optimizer=sgd",), "prior": "fitted"},
    "fixed prior": {"settings": (), "prior": "sphere"},
    "language model": {"settings": (), "prior": "none", "regularizer": "none"},
}


def trained_together(size, place, iterations):
    """Return what each of so many processes ends with, by case."""
    cases = {name: {**case, "iterations": iterations} for name, case in CASES.items()}
    multiprocessing.spawn(work, (size, place, cases), nprocs=size)
    return {
        name: [load_file(place / f"{name}-{rank}.safetensors") for rank in range(size)]
        for name in cases
    }


def assert_as_alone(together, iterations):
    for name, (first, *others) in together.items():
        alone = trained(**CASES[name], iterations=iterations, ranks=ALONE)
        assert first.keys() == alone.keys()
        for key, value in alone.items():
            torch.testing.assert_close(
                *(first[key], value), rtol=1e-6, atol=1e-6, msg=f"{name}: {key}"
            )
        for other in others:
            assert all(torch.equal(first[key], other[key]) for key in first), name


@pytest.mark.parametrize("size", [2, 3])
def test_processes_that_share_rows_compute_what_one_computes(tmp_path, size):
    """In float64, by weights and by what each iteration measures."""
    assert_as_alone(trained_together(size, tmp_path, 8), 8)


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_they_still_do_after_200_iterations(tmp_path, size):
    assert_as_alone(trained_together(size, tmp_path, 200), 200)


def test_rows_are_shared_whole_and_once():
    for size in (1, 2, 3, 7):
        rows = [row for rank in range(size) for row in range(64)[Ranks(size, rank).rows(64)]]
        assert rows == list(range(64))


def test_a_batch_smaller_than_its_processes_is_refused():
    with pytest.raises(ValueError, match="a batch of 2 rows cannot be shared by 3 processes"):
        Ranks(3, 0).rows(2)
