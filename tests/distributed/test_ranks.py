"""Several processes that share out rows compute what one process computes."""

import pytest
import torch
from safetensors.torch import load_file
from small_ranks import end_of_case, work
from small_transfer import small_labelled_corpus
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
    "images, batch normalization": {
        "kind": "images",
        "settings": ("encoder_update=separate", "batch_size=9", "word_drop=0.1"),
    },
    "language model": {"settings": (), "prior": "none", "regularizer": "none"},
    "pairs by codes": {
        "kind": "classifier",
        "settings": {
            **{"kind": "paper", "balanced": True, "encoder_rate": 0.5},
            **{"label_smoothing": 0.1, "hypothesis_weight": 0.5},
        },
    },
    "pairs by vectors": {
        "kind": "classifier",
        "settings": {"kind": "bilstm-max", "word_drop": 0.2, "clip_norm": 0.05},
    },
    "pairs by attention": {"kind": "classifier", "settings": {"kind": "attention"}},
    "pair encoder": {
        "kind": "pair encoder",
        "generates": True,
        "settings": {
            **{"batch_size": 10, "word_drop": 0.3, "matching_weight": 0.5},
            "softmax_samples": 5,
        },
    },
    "pair encoder, few words masked": {
        "kind": "pair encoder",
        "generates": False,
        "settings": {"batch_size": 3, "word_drop": 0.05, "matching_weight": 0.5},
    },
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled"))


TRANSFER = {
    "Algorithm 2": {"settings": {"encoder_update": "joint", "word_drop": 0.1}},
    "Algorithm 2, separate": {"settings": {"encoder_update": "separate", "softmax_samples": 8}},
    "back-translation": {
        "settings": {"cycle_weight": 1, "cycle_start": 0, "cycle_every": 2},
        "exact": False,
    },
    "infilling": {"kind": "infilling", "settings": {"softmax_samples": 9}},
    "infilling, two sentences": {"kind": "infilling", "settings": {"batch_size": 2}},
    "cross-aligned": {
        "kind": "cross-aligned",
        "settings": {
            **{"adversarial_sentences": 2, "adversarial_start": 0.3, "word_drop": 0.1},
            **{"dropout": 0.1, "discriminator_dropout": 0.1, "softmax_samples": 9},
        },
    },
    "cross-aligned, non-saturating": {
        "kind": "cross-aligned",
        "settings": {
            **{"batch_size": 2, "adversarial_start": 0, "adversarial_form": "non-saturating"},
            **{"soft_words": 0, "softmax_samples": 0},
        },
    },
}


def trained_together(size, place, cases):
    """Return what each of so many processes ends with, by case."""
    multiprocessing.spawn(work, (size, place, cases), nprocs=size)
    return {
        name: [load_file(place / f"{name}-{rank}.safetensors") for rank in range(size)]
        for name in cases
    }


def assert_as_alone(together, cases):
    for name, (first, *others) in together.items():
        alone = end_of_case(cases[name], ALONE)
        assert first.keys() == alone.keys()
        exact = cases[name].get("exact", True)
        for key, value in alone.items():
            off = (1e-9 if key.startswith("gradients/") else 1e-6) if exact else 1e-3
            torch.testing.assert_close(
                *(first[key], value), rtol=off, atol=off, msg=f"{name}: {key}"
            )
        for other in others:
            assert all(torch.equal(first[key], other[key]) for key in first), name


def cases_of(corpus, iterations):
    transfer = {
        name: {
            "kind": "transfer",
            **case,
            "corpus": corpus.folder,
            "settings": {"batch_size": 8, **case["settings"]},
        }
        for name, case in TRANSFER.items()
    }
    return {
        name: {**case, "iterations": iterations} for name, case in {**CASES, **transfer}.items()
    }


@pytest.mark.parametrize("size", [2, 3])
def test_processes_that_share_rows_compute_what_one_computes(tmp_path, labelled, size):
    """In float64, by weights and by what each iteration measures."""
    cases = cases_of(labelled, 6)
    assert_as_alone(trained_together(size, tmp_path, cases), cases)


def test_of_a_table_of_words_only_rows_that_some_process_met_are_sent(tmp_path):
    """A message of a byte a row tells which; a table that was met whole is sent whole."""
    rows = {
        "few": [[3, 7, 7], [7, 39]],
        "none": [[], []],
        "nearly all": [[*range(30)], [*range(39)]],
    }
    cases = {name: {"kind": "table", "met": met} for name, met in rows.items()}
    found = trained_together(2, tmp_path, cases)
    for name, case in cases.items():
        alone, (first, second) = end_of_case(case, ALONE), found[name]
        for key in ("gradients/table", "gradients/layer"):
            assert torch.equal(first[key], alone[key])
            assert torch.equal(second[key], alone[key])
    sent = {name: first["sent"].tolist() for name, (first, _) in found.items()}
    assert sent == {"few": [40, 3 * 3 + 12], "none": [40, 12], "nearly all": [40, 40 * 3 + 12]}


@pytest.mark.slow
@pytest.mark.parametrize("size", [2, 3])
def test_they_still_do_after_200_iterations(tmp_path, labelled, size):
    cases = cases_of(labelled, 200)
    assert_as_alone(trained_together(size, tmp_path, cases), cases)


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_rows_are_shared_whole_and_once(count):
    for size in (1, 2, 3, 7):
        ranks = [Ranks(size, rank) for rank in range(size)]
        counted = [r for r in ranks if r.weight(count)]
        assert [row for r in counted for row in range(count)[r.rows(count)]] == [*range(count)]
        assert all(range(count)[r.rows(count)] for r in ranks)
