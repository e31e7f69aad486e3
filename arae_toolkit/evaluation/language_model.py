"""Forward and reverse perplexity by an LSTM language model (sections 6.1 and 6.2).

Forward: a model of real text reads a system's outputs; low where they are fluent. Reverse: a model
of the outputs reads real text; low where they are fluent *and* as varied as real text is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences, pack
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.samplers import EpochSampler
from arae_toolkit.data.token_batches import TokenStore
from arae_toolkit.data.vocabulary import MOST_WORDS, UNKNOWN, Vocabulary
from arae_toolkit.devices import reduced
from arae_toolkit.evaluation.early_stopping import batches_by_length, epochs_for, keep_best_epoch
from arae_toolkit.generation.best_of import best_blocks, expected_draws
from arae_toolkit.generation.decoding import Decoding, Search
from arae_toolkit.models.folder_schema import filled
from arae_toolkit.models.language_model import LanguageModelNetwork
from arae_toolkit.models.model_folder import ModelFolder, save_model_folder
from arae_toolkit.nn.priors import NoCodePrior
from arae_toolkit.ops.sampled_softmax import SoftmaxSample

FEWEST_OUTPUTS = 20
"""A tenth of fewer outputs is no measure of when to stop."""


@dataclass(frozen=True)
class LanguageModelSettings:
    """Sizes and training of a language model."""

    embedding_size: int = 256
    """E is the size of a word vector."""
    hidden_size: int = 256
    """H is the size of the LSTM's state."""
    batch_size: int = 128
    """An iteration takes so many sentences."""
    iterations: int = 4_900
    """So many are wanted in all: the number of epochs follows, from 2 to ``most_epochs``."""
    most_epochs: int = 12
    """There are no more epochs than this. The one that is best on held-out text is kept."""
    patience: int = 2
    """Stop after so many epochs in turn that were no better; 0 trains all of them."""
    rate: float = 3e-3
    """Adam learns at this rate."""
    softmax_samples: int = 512
    """The training softmax runs over the batch's words and so many others; 0 takes all of them.
    Perplexity is always measured over the whole vocabulary."""
    seed: int = 0
    """It fixes starting weights, batches and sampled words."""

    def epochs(self, rows: int) -> int:
        """Return how often the rows are passed over."""
        per_epoch = rows // self.batch_size
        return epochs_for(self.iterations, per_epoch=per_epoch, fewest=2, most=self.most_epochs)


@dataclass(frozen=True)
class SentenceNats:
    """How surprising each sentence is to a language model.

    Attributes:
        nats: Negative log-likelihood of each sentence, ``<eos>`` included. Shape (N,).
        tokens: Its tokens, ``<eos>`` included. Shape (N,).
        unknown: Those of them that the vocabulary lacks. Shape (N,).
    """

    nats: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int64]
    unknown: npt.NDArray[np.int64]

    def at(self, rows: npt.NDArray[Any]) -> SentenceNats:
        """Return those of the chosen sentences."""
        return SentenceNats(self.nats[rows], self.tokens[rows], self.unknown[rows])

    @property
    def perplexity(self) -> float:
        """Per token, over all sentences together."""
        return math.exp(float(self.nats.sum()) / int(self.tokens.sum()))

    @property
    def unknown_percent(self) -> float:
        """Percent of the words that the vocabulary lacks."""
        words = int((self.tokens - 1).sum())
        return 100 * int(self.unknown.sum()) / words if words else 0.0


@dataclass(eq=False)
class LanguageModel:
    """A trained language model with its vocabulary.

    Attributes:
        network: Trained.
        vocabulary: Of what it was trained on.
        settings: It was trained with.
        held_out_perplexity: Per token, on the text that chose the epoch.
    """

    network: LanguageModelNetwork
    vocabulary: Vocabulary
    settings: LanguageModelSettings
    held_out_perplexity: float

    def read(self, texts: Sequence[str]) -> SentenceNats:
        """Return how surprising texts are. A word that the vocabulary lacks is ``<unk>``.

        Raises:
            ValueError: If there is no text.
        """
        if not texts:
            raise ValueError("there is no text to read")
        return self.read_packed(
            pack(self.vocabulary.encode_batch(texts), vocab_size=len(self.vocabulary))
        )

    @torch.no_grad()
    def read_packed(
        self, sentences: PackedSentences, *, advance: Callable[[int], None] = lambda _: None
    ) -> SentenceNats:
        """Return how surprising sentences of this vocabulary's ids are.

        Args:
            sentences: At least one.
            advance: Told how many are done.
        """
        self.network.eval()
        store = TokenStore(sentences, device=self.network.decoder.projection.weight.device)
        nats = np.zeros(len(store))
        for rows, batch in batches_by_length(store):
            assert batch.packing is not None, "a store packs what it is asked for by number"
            found = self.network.token_nats(batch).double().cpu().numpy()
            nats[rows] = np.bincount(batch.packing.rows.cpu().numpy(), found, minlength=len(rows))
            advance(len(rows))
        unknown = np.add.reduceat(
            (sentences.tokens == UNKNOWN).astype(np.int64), sentences.offsets[:-1]
        )
        return SentenceNats(nats, np.asarray(store.host_lengths), unknown)

    @torch.no_grad()
    def sample_blocks(
        self,
        sizes: Iterable[int],
        *,
        seed: int = 0,
        decoding: Decoding | None = None,
        expected: int | None = None,
        at_once: int = 1,
        best_of: int = 1,
    ) -> Iterator[list[str]]:
        """Yield new sentences in blocks, as :meth:`ARAE.sample_blocks` does.

        Words are drawn unless ``decoding`` says otherwise; without a code the likeliest words make
        one sentence over and over.
        """
        decoder = self.network.decoder
        device = decoder.projection.weight.device
        search = Search(
            decoder,
            decoding=decoding or Decoding(method="sample"),
            max_length=MOST_WORDS,
            device=device,
            expected=expected_draws(expected, best_of),
        )
        generator = torch.Generator(device).manual_seed(seed)
        way = {"best_of": best_of, "at_once": at_once}
        for words in best_blocks(search, NoCodePrior(), sizes, generator=generator, **way):
            yield [self.vocabulary.decode(row) for row in words.tolist()]

    def save(self, folder: Path, run: Mapping[str, str]) -> None:
        """Write a model folder; ``run`` says what it was trained on."""
        config = {
            "kind": "language-model",
            "run": dict(run),
            "settings": asdict(self.settings),
            "held_out_perplexity": self.held_out_perplexity,
        }
        save_model_folder(
            folder, config=config, vocabulary=self.vocabulary, tensors=self.network.state_dict()
        )

    @classmethod
    def of(cls, content: ModelFolder) -> LanguageModel:
        """Return the model that :meth:`save` wrote."""
        settings = LanguageModelSettings(**content.config["settings"])
        assert content.vocabulary is not None, "it was saved with one"
        network = filled(_new_network(len(content.vocabulary), settings), content.tensors)
        perplexity = float(content.config["held_out_perplexity"])
        return cls(network.eval(), content.vocabulary, settings, perplexity)


def _new_network(vocab_size: int, settings: LanguageModelSettings) -> LanguageModelNetwork:
    return LanguageModelNetwork(
        vocab_size, embedding_size=settings.embedding_size, hidden_size=settings.hidden_size
    )


def train_language_model(
    train: PackedSentences,
    held_out: PackedSentences,
    vocabulary: Vocabulary,
    *,
    settings: LanguageModelSettings | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> LanguageModel:
    """Train a language model; the epoch that is best on held-out text is kept.

    Args:
        train: Sentences to learn.
        held_out: Sentences that choose the epoch.
        vocabulary: Of both.
        settings: Sizes and training.
        device: Where to compute; the CPU by default.
        dtype: ``bfloat16`` trains with matrix products in it. Perplexity is always measured in
            float32.
        advance: Told how many sentences are done.

    Raises:
        ValueError: If there is nothing to learn or nothing held out.
    """
    settings, device = settings or LanguageModelSettings(), device or torch.device("cpu")
    if not len(train) or not len(held_out):
        raise ValueError(f"{len(train)} sentences to learn, {len(held_out)} held out")
    store = TokenStore(train, device=device)
    network = _new_network(len(vocabulary), settings)
    network.initialize(generator=torch.Generator().manual_seed(settings.seed))
    network.to(device)
    model = LanguageModel(network, vocabulary, settings, math.nan)

    def nats_per_token(rows: Indices, random: torch.Generator) -> Tensor:
        samples = settings.softmax_samples
        batch = store.batch(rows)
        with reduced(device, dtype):
            nats: Tensor = network(batch, dtype=dtype, sample=SoftmaxSample(samples, random))
        return nats / batch.symbols

    best = keep_best_epoch(
        network,
        EpochSampler(store.host_lengths, batch_size=settings.batch_size, seed=settings.seed),
        loss_of=nats_per_token,
        score_of=lambda: -model.read_packed(held_out).perplexity,
        epochs=settings.epochs(len(train)),
        rate=settings.rate,
        patience=settings.patience,
        advance=advance,
    )
    return replace(model, held_out_perplexity=-best.score)


def reverse_perplexity(
    outputs: Sequence[str],
    real: PackedSentences,
    vocabulary: Vocabulary,
    *,
    settings: LanguageModelSettings | None = None,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> float:
    """Return the perplexity per token that a model of the outputs has on real text.

    A few thousand outputs teach a model little, so this is far above the perplexity of a model of
    the train split, and says something only beside that of as many outputs of another system.

    Args:
        outputs: Of one system, at least 20.
        real: Sentences that are neither outputs nor what these were made from: a system that
            copies would be tested on what its model has learned.
        vocabulary: Of the real text.
        settings: Sizes and training; by default batches and patience for outputs that are soon
            known by heart.
        device: Where to compute; the CPU by default.
        dtype: As for :func:`train_language_model`.
        advance: Told how many sentences are done.

    Raises:
        ValueError: If there are fewer than 20 outputs.
    """
    packed = pack(vocabulary.encode_batch(outputs), vocab_size=len(vocabulary))
    model = language_model_of_outputs(
        packed,
        vocabulary,
        settings=settings or LanguageModelSettings(batch_size=32, patience=1),
        device=device,
        dtype=dtype,
        advance=advance,
    )
    return model.read_packed(real).perplexity


def language_model_of_outputs(
    outputs: PackedSentences,
    vocabulary: Vocabulary,
    *,
    settings: LanguageModelSettings,
    device: torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    advance: Callable[[int], None] = lambda _: None,
) -> LanguageModel:
    """Return the model of a system's outputs that reverse perplexity reads real text with.

    A tenth of the outputs, drawn by the seed, says when to stop. Arguments are those of
    :func:`reverse_perplexity`.

    Raises:
        ValueError: If there are fewer than 20 outputs.
    """
    if len(outputs) < FEWEST_OUTPUTS:
        raise ValueError(
            f"reverse perplexity needs at least {FEWEST_OUTPUTS} outputs, got {len(outputs)}"
        )
    order = np.random.default_rng(settings.seed).permutation(len(outputs))
    held_out, learned = np.split(order, [len(order) // 10])
    return train_language_model(
        outputs.at(learned),
        outputs.at(held_out),
        vocabulary,
        settings=settings,
        device=device,
        dtype=dtype,
        advance=advance,
    )
