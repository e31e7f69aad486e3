"""Probing classifiers of the attribute, fitted to a trained model's codes."""

from __future__ import annotations

import numpy as np

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.labelled_batches import AttributeStore
from arae_toolkit.evaluation.code_probe import CodeProbe, probe_codes
from arae_toolkit.evaluation.reconstruction import codes_of
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder

MOST_TRAINING_ROWS = 20_000


def probe_model(model: TransferAutoencoder, corpus: Corpus, *, seed: int = 0) -> CodeProbe:
    """Return how often fresh classifiers recover the attribute of test sentences from their codes.

    The adversary's own accuracy says little: it is what the encoder has learned to fool. Where a
    corpus has no test split, dev stands for it.

    Args:
        model: Trained.
        corpus: With the labels that it was trained on.
        seed: Fixes the training rows and the classifiers.
    """
    model.eval()
    parts = []
    for split in ("train", "dev", "test" if "test" in corpus.manifest["splits"] else "dev"):
        store = AttributeStore(corpus.split(split), device=model.device)
        rows = np.arange(len(store))
        if split == "train":
            rows = np.random.default_rng(seed).permutation(len(store))[:MOST_TRAINING_ROWS]
        parts.append((codes_of(model, store, rows).cpu().numpy(), store.labels[rows]))
    train, dev, test = parts
    return probe_codes(train, dev, test, seed=seed)
