"""Probing classifiers of the attribute, fitted to a trained model's codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.labelled_batches import attribute_values
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.evaluation.code_probe import CodeProbe, probe_codes
from arae_toolkit.transfer.autoencoder.network import TransferAutoencoder
from arae_toolkit.transfer.autoencoder.rewriter import LatentRewriter

MOST_TRAINING_ROWS = 20_000


def probe_model(model: TransferAutoencoder, corpus: Corpus, *, seed: int = 0) -> CodeProbe:
    """Return how often fresh classifiers recover the attribute of test sentences from their codes.

    The adversary's own accuracy says little: it is what the encoder has learned to fool. The codes
    are those of transfer at strength 1 to another value, drawn for each sentence: where the model
    was trained with words hidden, without the words that mark other values than that one. Where a
    corpus has no test split, dev stands for it.

    Args:
        model: Trained.
        corpus: With the labels that it was trained on.
        seed: Fixes the training rows, the targets and the classifiers.
    """
    model.eval()
    rewriter, random = LatentRewriter(model, corpus.vocabulary), np.random.default_rng(seed)
    parts = []
    for split in ("train", "dev", "test" if "test" in corpus.manifest["splits"] else "dev"):
        sentences = corpus.split(split)
        rows = np.arange(len(sentences))
        if split == "train":
            rows = random.permutation(len(sentences))[:MOST_TRAINING_ROWS]
        labels = attribute_values(sentences)[rows]
        parts.append((_codes(rewriter, sentences, rows, labels, random), labels))
    train, dev, test = parts
    return probe_codes(train, dev, test, seed=seed)


@torch.no_grad()
def _codes(
    rewriter: LatentRewriter,
    sentences: PackedSentences,
    rows: Indices,
    labels: Indices,
    random: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Return the codes from which sentences are rewritten, each to another value. Shape (N, Z)."""
    values = len(rewriter.attributes)
    targets = (labels + random.integers(1, values, size=len(labels))) % values
    code = np.zeros((len(rows), rewriter.model.arguments["code_size"]), dtype=np.float32)
    for target in np.unique(targets).tolist():
        own = (targets == target).nonzero()[0]
        chosen = [sentences[int(row)].tolist() for row in rows[own]]
        code[own] = rewriter.codes(chosen, target, strength=1.0).cpu().numpy()
    return code
