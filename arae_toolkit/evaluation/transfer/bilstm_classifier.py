"""The BiLSTM classifier of a text's attribute, which reads the order of words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.noise import seeded_dropout
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.data.token_batches import TokenBatch, TokenStore
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import reduced
from arae_toolkit.evaluation.classification import Classes, Matrix
from arae_toolkit.evaluation.early_stopping import batches_by_length, epochs_for, keep_best_epoch
from arae_toolkit.evaluation.transfer.ngram_classifier import description_of
from arae_toolkit.models.folder_schema import filled
from arae_toolkit.models.model_folder import ModelFolder, save_model_folder
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder, max_over_tokens
from arae_toolkit.nn.initialization import uniform

INITIAL_BOUND = 0.1


@dataclass(frozen=True)
class BiLSTMClassifierSettings:
    """Sizes and training of a BiLSTM classifier."""

    embedding_size: int = 128
    """E is the size of a word vector."""
    state_size: int = 256
    """Both directions together have states of this size."""
    dropout: float = 0.3
    """This share of the coordinates of embeddings and of the sentence's vector is dropped."""
    word_drop: float = 0.05
    """This share of the words is replaced by ``<unk>``, so that the classifier has seen what it has
    in place of words that it does not know."""
    batch_size: int = 64
    """An iteration takes so many sentences."""
    iterations: int = 9_000
    """So many iterations are wanted in all; see :meth:`epochs`."""
    fewest_epochs: int = 2
    """There are so many epochs however large the corpus."""
    most_epochs: int = 10
    """There are no more epochs than this however small the corpus."""
    rate: float = 2e-3
    """Adam learns at this rate."""
    seed: int = 0
    """It fixes starting weights, batches and dropout."""

    def epochs(self, rows: int) -> int:
        """Return how often the rows are passed over for the wanted number of iterations.

        Example:
            >>> [BiLSTMClassifierSettings().epochs(rows) for rows in (300_000, 150_000, 16_000)]
            [2, 4, 10]
        """
        bounds = {"fewest": self.fewest_epochs, "most": self.most_epochs}
        return epochs_for(self.iterations, per_epoch=rows // self.batch_size, **bounds)


class BiLSTMClassifierNetwork(nn.Module):
    """Scores of the attribute's values from the maximum over both directions' states.

    Args:
        vocab_size: V.
        classes: A.
        embedding_size: E.
        state_size: Of both directions together; even.
        dropout: See :class:`BiLSTMClassifierSettings`.
    """

    def __init__(
        self, vocab_size: int, classes: int, *, embedding_size: int, state_size: int, dropout: float
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.encoder = BiLSTMEncoder(
            vocab_size, embedding_size=embedding_size, code_size=state_size
        )
        self.output = nn.Linear(state_size, classes)

    def forward(self, batch: TokenBatch, generator: torch.Generator | None = None) -> Tensor:
        """Return a score of each value before the softmax. Shape (B, A).

        Args:
            batch: Sentences.
            generator: Source of the dropout; ``None`` turns it off.
        """
        states = self.encoder.states(batch, dropout=self.dropout, generator=generator)
        vector = seeded_dropout(max_over_tokens(states, batch), self.dropout, generator)
        scores: Tensor = self.output(vector)
        return scores.float()


@dataclass(eq=False)
class BiLSTMClassifier:
    """A trained network that classifies texts.

    Attributes:
        network: Trained.
        vocabulary: Of the corpus it was trained on.
        labels: Values of the attribute, in the order of the scores.
        settings: It was trained with.
        dev_accuracy: Percent.
        name: ``bilstm``.
    """

    network: BiLSTMClassifierNetwork
    vocabulary: Vocabulary
    labels: tuple[str, ...]
    settings: dict[str, Any]
    dev_accuracy: float
    name: str = "bilstm"

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.network.output.weight.device

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

    @classmethod
    def of(cls, content: ModelFolder) -> BiLSTMClassifier:
        """Return the classifier that :meth:`save` wrote."""
        config, vocabulary = content.config, content.vocabulary
        assert vocabulary is not None, "it was saved with one"
        settings, labels = config["settings"], tuple(config["labels"])
        network = _network(len(vocabulary), len(labels), BiLSTMClassifierSettings(**settings))
        filled(network, content.tensors)
        return cls(network.eval(), vocabulary, labels, settings, float(config["dev_accuracy"]))


def train_bilstm_classifier(
    train: PackedSentences,
    dev: PackedSentences,
    vocabulary: Vocabulary,
    labels: Sequence[str],
    *,
    settings: BiLSTMClassifierSettings | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> BiLSTMClassifier:
    """Train a classifier; the epoch that is best on dev is kept.

    In the loss every value counts alike, whatever its share of the train split.

    Args:
        train: Labelled sentences; those without a label are left out.
        dev: The same.
        vocabulary: Of both.
        labels: Values of the attribute by class id.
        settings: Sizes and training.
        device: Where to compute; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it. Judging is always done in float32.
        advance: Told how many sentences are done.

    Raises:
        ValueError: If a split has no labelled sentence.
    """
    settings, device = settings or BiLSTMClassifierSettings(), device or torch.device("cpu")
    train, gold = labelled(train)
    dev, dev_gold = labelled(dev)
    store, dev_store = TokenStore(train, device=device), TokenStore(dev, device=device)
    network = _network(len(vocabulary), len(labels), settings).to(device)
    counts = np.bincount(gold, minlength=len(labels))
    weights = torch.from_numpy(len(gold) / np.maximum(counts, 1)).float().to(device)
    classes = torch.from_numpy(gold).to(device)

    def loss_of(rows: Indices, random: torch.Generator) -> Tensor:
        batch = store.batch(rows)
        if settings.word_drop:
            batch = batch.corrupted(share=settings.word_drop, generator=random)
        with reduced(device, dtype):
            scores = network(batch, random)
        answers = classes[torch.from_numpy(rows).to(device)]
        return functional.cross_entropy(scores, answers, weight=weights)

    def accuracy() -> float:
        predicted = _probabilities(network, dev_store).argmax(axis=1)
        return 100 * float((predicted == dev_gold).mean())

    best = keep_best_epoch(
        network,
        EpochSampler(store.host_lengths, batch_size=settings.batch_size, seed=settings.seed),
        loss_of=loss_of,
        score_of=accuracy,
        epochs=settings.epochs(len(gold)),
        rate=settings.rate,
        advance=advance,
    )
    return BiLSTMClassifier(network, vocabulary, tuple(labels), asdict(settings), best.score)


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
def _probabilities(network: BiLSTMClassifierNetwork, store: TokenStore) -> Matrix:
    """Return the probabilities of all sentences. Shape (N, A)."""
    result = np.empty((len(store), network.output.out_features))
    for rows, batch in batches_by_length(store):
        result[rows] = network(batch).double().softmax(dim=1).cpu().numpy()
    return result


def _network(
    vocab_size: int, classes: int, settings: BiLSTMClassifierSettings
) -> BiLSTMClassifierNetwork:
    """Return a network with its starting weights."""
    network = BiLSTMClassifierNetwork(
        vocab_size,
        classes,
        embedding_size=settings.embedding_size,
        state_size=settings.state_size,
        dropout=settings.dropout,
    )
    generator = torch.Generator().manual_seed(settings.seed)
    uniform(network, bound=INITIAL_BOUND, generator=generator, forget_bias=1.0)
    return network
