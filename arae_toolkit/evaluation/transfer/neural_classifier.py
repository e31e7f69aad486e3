"""Classifiers of a text's attribute that are networks over the corpus's vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import reduced
from arae_toolkit.evaluation.classification import Classes, Matrix
from arae_toolkit.evaluation.early_stopping import batches_by_length, keep_best_epoch
from arae_toolkit.evaluation.transfer.ngram_classifier import description_of
from arae_toolkit.models.folder_schema import filled
from arae_toolkit.models.model_folder import ModelFolder, save_model_folder


@dataclass(eq=False)
class NeuralClassifier:
    """A trained network that classifies texts.

    Attributes:
        network: Returns a score of each value before the softmax, given a batch and a source of
            dropout or ``None``.
        vocabulary: Of the corpus it was trained on.
        labels: Values of the attribute, in the order of the scores.
        settings: It was trained with.
        dev_accuracy: Percent.
        name: Of the kind of network.
    """

    network: nn.Module
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    settings: dict[str, Any]
    dev_accuracy: float
    name: str

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return next(self.network.parameters()).device

    def probabilities(self, texts: Sequence[str]) -> Matrix:
        """Return the probability of each value for each text. Shape (N, A)."""
        if not texts:
            return np.empty((0, len(self.labels)))
        packed = pack(self.vocabulary.encode_batch(texts), vocab_size=len(self.vocabulary))
        return _probabilities(self.network, TokenStore(packed, device=self.device))

    def save(self, folder: Path, run: Mapping[str, str]) -> None:
        """Write a model folder; ``run`` says what it was trained on."""
        save_model_folder(
            folder,
            config=description_of(self, run),
            vocabulary=self.vocabulary,
            tensors=self.network.state_dict(),
        )


def classifier_of(
    content: ModelFolder, new_network: Callable[[int, int, dict[str, Any]], nn.Module]
) -> NeuralClassifier:
    """Return the classifier that :meth:`NeuralClassifier.save` wrote.

    Args:
        content: Of its folder.
        new_network: Returns a network for V words, A values and the settings.
    """
    config, vocabulary = content.config, content.vocabulary
    assert vocabulary is not None, "it was saved with one"
    settings, labels = config["settings"], tuple(config["labels"])
    network = new_network(len(vocabulary), len(labels), settings)
    filled(network, content.tensors)
    accuracy = float(config["dev_accuracy"])
    return NeuralClassifier(network.eval(), vocabulary, labels, settings, accuracy, config["kind"])


def train_network(
    network: nn.Module,
    train: PackedSentences,
    dev: PackedSentences,
    *,
    classes: int,
    epochs: Callable[[int], int],
    batch_size: int,
    rate: float,
    seed: int,
    word_drop: float = 0.0,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> float:
    """Train a network, whose weights of the epoch that is best on dev are kept.

    In the loss every value counts alike, whatever its share of the train split.

    Args:
        network: With its starting weights, on its device.
        train: Labelled sentences; those without a label are left out.
        dev: The same.
        classes: A.
        epochs: Returns the passes over so many sentences.
        batch_size: Sentences of an iteration.
        rate: Adam's.
        seed: Of batches, and of what is random in the network.
        word_drop: Share of the words that are replaced by ``<unk>``.
        dtype: Of matrix products in training.
        advance: Told how many sentences are done.

    Returns:
        Percent of dev that it classifies as labelled.

    Raises:
        ValueError: If a split has no labelled sentence.
    """
    device = next(network.parameters()).device
    train, gold = labelled(train)
    dev, dev_gold = labelled(dev)
    store, dev_store = TokenStore(train, device=device), TokenStore(dev, device=device)
    counts = np.bincount(gold, minlength=classes)
    weights = torch.from_numpy(len(gold) / np.maximum(counts, 1)).float().to(device)
    answers = torch.from_numpy(gold).to(device)

    def loss_of(rows: Indices, random: torch.Generator) -> Tensor:
        batch = store.batch(rows)
        if word_drop:
            batch = batch.corrupted(share=word_drop, generator=random)
        with reduced(device, dtype):
            scores = network(batch, random)
        right = answers[torch.from_numpy(rows).to(device)]
        return functional.cross_entropy(scores, right, weight=weights)

    def accuracy() -> float:
        predicted = _probabilities(network, dev_store).argmax(axis=1)
        return 100 * float((predicted == dev_gold).mean())

    sampler = EpochSampler(store.host_lengths, batch_size=batch_size, seed=seed)
    how: dict[str, Any] = {"epochs": epochs(len(gold)), "rate": rate, "advance": advance}
    return keep_best_epoch(network, sampler, loss_of=loss_of, score_of=accuracy, **how).score


def labelled(sentences: PackedSentences) -> tuple[PackedSentences, Classes]:
    """Return the sentences that have a label, and their class ids. Shape (N,).

    Raises:
        ValueError: If there is none.
    """
    if sentences.labels is None or not (sentences.labels >= 0).any():
        raise ValueError("no sentence has a label")
    rows = np.flatnonzero(sentences.labels >= 0)
    return sentences.at(rows), np.asarray(sentences.labels[rows], dtype=np.int64)


@torch.no_grad()
def _probabilities(network: nn.Module, store: TokenStore) -> Matrix:
    """Return the probabilities of all sentences. Shape (N, A)."""
    parts: list[tuple[Indices, Matrix]] = []
    for rows, batch in batches_by_length(store):
        scores: Tensor = network(batch)
        parts.append((rows, scores.double().softmax(dim=1).cpu().numpy()))
    result = np.empty((len(store), parts[0][1].shape[1]))
    for rows, found in parts:
        result[rows] = found
    return result
