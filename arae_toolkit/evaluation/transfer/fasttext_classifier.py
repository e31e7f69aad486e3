"""fastText's model of a text's attribute, written anew in torch: the paper's kind of judge.

The paper judges transfer by the fastText library (section 6.2; Joulin et al., EACL 2017): the
embeddings of a text's words and bigrams, averaged, and a softmax over them. This is that model and
not that library: words are those of the corpus's vocabulary, values count alike whatever their
share, and Adam trains it in batches, where the library takes plain steps text by text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import PAD, Vocabulary
from arae_toolkit.evaluation.early_stopping import epochs_for
from arae_toolkit.evaluation.transfer.neural_classifier import (
    NeuralClassifier,
    classifier_of,
    train_network,
)
from arae_toolkit.models.model_folder import ModelFolder
from arae_toolkit.nn.initialization import uniform

FASTTEXT = "fasttext"
"""Name of the classifier."""
MULTIPLIER = 116_049_371
"""The library's, by which the words of a bigram are hashed."""


@dataclass(frozen=True)
class FastTextClassifierSettings:
    """Sizes and training of a classifier of averaged embeddings."""

    embedding_size: int = 10
    """E is the size of the embedding of a word or bigram; the default is Joulin et al.'s."""
    hash_size: int = 2**18
    """Bigrams are hashed into so many rows, of which each has an embedding."""
    batch_size: int = 64
    """An iteration takes so many sentences."""
    iterations: int = 5_000
    """So many iterations are wanted in all; see :meth:`epochs`."""
    fewest_epochs: int = 2
    """There are so many epochs however large the corpus."""
    most_epochs: int = 10
    """There are no more epochs than this however small the corpus."""
    rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2)
    """Adam learns at each of these rates; the best on dev is kept."""
    seed: int = 0
    """It fixes starting weights and batches."""

    def epochs(self, rows: int) -> int:
        """Return how often the rows are passed over for the wanted number of iterations."""
        bounds = {"fewest": self.fewest_epochs, "most": self.most_epochs}
        return epochs_for(self.iterations, per_epoch=rows // self.batch_size, **bounds)


class FastTextNetwork(nn.Module):
    """Scores of the attribute's values from the mean embedding of words and bigrams.

    Args:
        vocab_size: V.
        classes: A.
        embedding_size: E.
        hash_size: Rows for bigrams.
    """

    def __init__(
        self, vocab_size: int, classes: int, *, embedding_size: int, hash_size: int
    ) -> None:
        super().__init__()
        self.vocab_size, self.hash_size = vocab_size, hash_size
        rows = vocab_size + hash_size
        self.embedding = nn.EmbeddingBag(rows, embedding_size, mode="mean", padding_idx=PAD)
        self.output = nn.Linear(embedding_size, classes)

    def forward(self, batch: TokenBatch, generator: torch.Generator | None = None) -> Tensor:
        """Return a score of each value before the softmax. Shape (B, A).

        Args:
            batch: Sentences; ``<eos>`` is a word, as in the library.
            generator: Not used: nothing is random.
        """
        words, place = batch.tokens, torch.arange(batch.tokens.shape[1], device=batch.device)
        hashed = (words[:, :-1] * MULTIPLIER + words[:, 1:]) % self.hash_size + self.vocab_size
        grams = torch.cat([words, hashed], dim=1)
        real = torch.cat([place, place[1:]])[None] < batch.lengths[:, None]
        scores: Tensor = self.output(self.embedding(grams.masked_fill(~real, PAD)))
        return scores.float()


def fasttext_classifier_of(content: ModelFolder) -> NeuralClassifier:
    """Return the classifier that was saved into a folder."""
    return classifier_of(content, _network)


def train_fasttext_classifier(
    train: PackedSentences,
    dev: PackedSentences,
    vocabulary: Vocabulary,
    labels: Sequence[str],
    *,
    settings: FastTextClassifierSettings | None = None,
    device: torch.device | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> NeuralClassifier:
    """Train a classifier; the rate and the epoch that are best on dev are kept.

    Args:
        train: Labelled sentences; those without a label are left out.
        dev: The same.
        vocabulary: Of both.
        labels: Values of the attribute by class id.
        settings: Sizes and training.
        device: Where to compute; the CPU by default.
        advance: Told how many sentences are done, of all rates together.

    Raises:
        ValueError: If a split has no labelled sentence.
    """
    settings = settings or FastTextClassifierSettings()
    tried: list[NeuralClassifier] = []
    for rate in settings.rates:
        network = _network(len(vocabulary), len(labels), asdict(settings))
        accuracy = train_network(
            *(network.to(device or torch.device("cpu")), train, dev),
            classes=len(labels),
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            rate=rate,
            seed=settings.seed,
            advance=advance,
        )
        about = {**asdict(settings), "rate": rate}
        tried.append(
            NeuralClassifier(network, vocabulary, tuple(labels), about, accuracy, FASTTEXT)
        )
    return max(tried, key=lambda one: one.dev_accuracy)


def _network(vocab_size: int, classes: int, settings: dict[str, Any]) -> FastTextNetwork:
    """Return a network with its starting weights, those of the scores being 0 as in the library."""
    sizes = {name: settings[name] for name in ("embedding_size", "hash_size")}
    network = FastTextNetwork(vocab_size, classes, **sizes)
    generator = torch.Generator().manual_seed(settings["seed"])
    uniform(network, bound=1 / settings["embedding_size"], generator=generator)
    nn.init.zeros_(network.output.weight)
    return network
