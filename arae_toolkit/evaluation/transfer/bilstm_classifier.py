"""The BiLSTM classifier of a text's attribute, which reads the order of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.noise import seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.evaluation.early_stopping import epochs_for
from arae_toolkit.evaluation.transfer.neural_classifier import (
    NeuralClassifier,
    classifier_of,
    train_network,
)
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder, max_over_tokens
from arae_toolkit.nn.initialization import uniform

BILSTM = "bilstm"
"""Name of the classifier."""
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


def bilstm_classifier_of(content: ModelFolder) -> NeuralClassifier:
    """Return the classifier that was saved into a folder."""
    return classifier_of(content, _network)


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
) -> NeuralClassifier:
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
    settings = settings or BiLSTMClassifierSettings()
    network = _network(len(vocabulary), len(labels), asdict(settings))
    accuracy = train_network(
        *(network.to(device or torch.device("cpu")), train, dev),
        classes=len(labels),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        rate=settings.rate,
        seed=settings.seed,
        word_drop=settings.word_drop,
        dtype=dtype,
        advance=advance,
    )
    return NeuralClassifier(network, vocabulary, tuple(labels), asdict(settings), accuracy, BILSTM)


def _network(vocab_size: int, classes: int, settings: dict[str, Any]) -> BiLSTMClassifierNetwork:
    """Return a network with its starting weights."""
    own = BiLSTMClassifierSettings(**settings)
    network = BiLSTMClassifierNetwork(
        vocab_size,
        classes,
        embedding_size=own.embedding_size,
        state_size=own.state_size,
        dropout=own.dropout,
    )
    generator = torch.Generator().manual_seed(own.seed)
    uniform(network, bound=INITIAL_BOUND, generator=generator, forget_bias=1.0)
    return network
