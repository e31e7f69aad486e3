"""Sentence encoders of other libraries, whose weights have seen other text, behind a classifier."""

from __future__ import annotations

import copy
import importlib
import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import NoiseSource, RowNoise
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import SPECIAL_TOKENS, UNKNOWN, Vocabulary, WordCounts
from arae_toolkit.devices import reduced
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.nli.settings import OUTSIDE, PairConfig, PairModelConfig
from arae_toolkit.storage.safetensors_file import tensors_sha256

FOLDER = "encoder"
"""The folder, in that of a classifier, where the outside model lies as its library saves it."""
READ_TOGETHER = 64
"""Sentences a frozen encoder reads at a time."""
_CORPORA = {
    "snli": "SNLI's pairs",
    "all-nli": "SNLI's pairs",
    "flickr30k": "Flickr30k's captions",
    "yahoo_answers": "Yahoo's answers",
    "yelp": "Yelp's reviews",
}
"""Data sets that the corpora here are, or are made of, by what names of data sets begin with."""

Sentence = tuple[int, ...]


def bridge() -> Any:
    """Return the bridge to sentence-transformers, by its name: it stands above this module."""
    return importlib.import_module("arae_toolkit.interop.sentence_transformers")


def seen_by(trained_on: Sequence[str] | None) -> str:
    """Return in words what weights have seen of the corpora here.

    Args:
        trained_on: Names of data sets, as the model's card gives them; ``None`` where it does not.

    Example:
        >>> seen_by(["gooaq", "snli", "embedding-data/flickr30k-captions"])
        "trained on SNLI's pairs, Flickr30k's captions: on these no result from few labels"
        >>> seen_by(None)
        'what these weights have seen is not known'
    """
    if not trained_on:
        return "what these weights have seen is not known"
    names = [name.rpartition("/")[2].lower() for name in trained_on]
    found = dict.fromkeys(
        title for start, title in _CORPORA.items() if any(name.startswith(start) for name in names)
    )
    if not found:
        return f"trained on {len(names)} other data sets, by its card"
    return f"trained on {', '.join(found)}: on these no result from few labels"


class OutsideEncoder(nn.Module):
    """Sentences to vectors of norm sqrt(Z), by a model of sentence-transformers.

    A model that is not tuned belongs to no network: its weights are neither trained nor saved with
    it, and what it has read with :meth:`remember` is not read again.

    Args:
        model: A ``SentenceTransformer``, on its device.
        vocabulary: Of the corpus: sentences come as its ids, and are read as its words.
        about: Of its weights: name, fingerprint, dimensions, the data sets of its card.
        tuned: Whether its weights are trained with the classifier.
    """

    def __init__(
        self, model: nn.Module, vocabulary: Vocabulary, about: Mapping[str, Any], *, tuned: bool
    ) -> None:
        super().__init__()
        self.vocabulary, self.about, self.tuned = vocabulary, dict(about), tuned
        self.code_size = int(about["dimensions"])
        self._row_of: dict[Sentence, int] = {}
        self._vectors = torch.empty(0, self.code_size)
        if tuned:
            self.model = model
        else:
            self._frozen = (model.requires_grad_(False).eval(),)

    @property
    def outside(self) -> Any:
        """The model of the library."""
        return self.model if self.tuned else self._frozen[0]

    def embed(self, texts: Sequence[str], generator: torch.Generator | None = None) -> Tensor:
        """Return the vectors of texts. Shape (B, Z), float32.

        Args:
            texts: B of them.
            generator: Source of the model's dropout; ``None`` turns it off, as does a frozen model.
        """
        drops = self.tuned and generator is not None
        model = self.outside.train(drops)
        device = next(model.parameters()).device
        features = bridge().features_of(model, texts, device=device)
        # Its layers draw from torch's own source of randomness.
        with torch.random.fork_rng(
            devices=[device] if device.type == "cuda" else [], enabled=drops
        ):
            if drops and generator is not None:
                numbers = torch.randint(2**31, (1,), generator=generator, device=generator.device)
                torch.manual_seed(int(numbers))
            vectors = model(features)["sentence_embedding"].float()
        return functional.normalize(vectors, dim=1) * math.sqrt(self.code_size)

    def forward(self, batch: TokenBatch, generator: NoiseSource | None = None) -> Tensor:
        """Return the vectors of B sentences. Shape (B, Z), float32."""
        sentences = _sentences_of(batch)
        rows = [self._row_of.get(sentence, -1) for sentence in sentences]
        if self._row_of and min(rows) >= 0:
            return self._vectors[torch.tensor(rows, device=self._vectors.device)]
        texts = [self.text_of(sentence) for sentence in sentences]
        if not self.tuned:
            return self.embed(texts)
        assert not isinstance(generator, RowNoise), "several processes tune no outside weights"
        return self.embed(texts, generator)

    def text_of(self, sentence: Sequence[int]) -> str:
        """Return a sentence as the model reads it, its own mark where a word is unknown."""
        text = self.vocabulary.decode(sentence)
        mark = SPECIAL_TOKENS[UNKNOWN]
        return text.replace(mark, bridge().unknown_mark(self.outside)) if mark in text else text

    def unread(self, sentences: Iterable[Sentence]) -> set[Sentence]:
        """Return the sentences that :meth:`remember` has not read yet."""
        return {*sentences} - self._row_of.keys()

    @torch.no_grad()
    def remember(self, sentences: Iterable[Sentence], *, dtype: torch.dtype) -> None:
        """Read sentences once, the same ones in the same company wherever a run goes on.

        Args:
            sentences: Of all splits that are trained or measured on.
            dtype: ``bfloat16`` runs the matrix products in it.
        """
        missing = sorted(self.unread(sentences), key=lambda one: (len(one), one))
        device = next(self.outside.parameters()).device
        parts = [self._vectors.to(device)]
        for start in range(0, len(missing), READ_TOGETHER):
            few = missing[start : start + READ_TOGETHER]
            with reduced(device, dtype):
                parts.append(self.embed([self.text_of(sentence) for sentence in few]))
        first = len(self._row_of)
        self._row_of |= {sentence: first + row for row, sentence in enumerate(missing)}
        self._vectors = torch.cat(parts)

    def save(self, folder: Path) -> None:
        """Write the model as its library does, whole or not at all; one that is there is kept."""
        if folder.exists():
            return
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
            bridge().save_model(self.outside, Path(place) / folder.name)
            shutil.move(Path(place) / folder.name, folder)


@dataclass(frozen=True)
class OutsideWeights:
    """The weights of another library that a classifier starts from.

    Attributes:
        encoder: With the weights as they came, frozen.
        tuned: Whether each classifier trains a copy of its own.
    """

    encoder: OutsideEncoder
    tuned: bool

    @classmethod
    def load(
        cls, name: str, vocabulary: Vocabulary, *, device: torch.device, tuned: bool
    ) -> OutsideWeights:
        """Read a model by its folder or its name on the hub.

        Args:
            name: With or without ``sentence-transformers:`` before it.
            vocabulary: Of the corpus.
            device: Where the model is put.
            tuned: See :class:`OutsideWeights`.

        Raises:
            ToolkitError: If the library is not installed, or there is no such model.
        """
        name = name.removeprefix(OUTSIDE)
        model = bridge().load_model(name, device=device).float()
        facts = bridge().card_facts(name)
        about = {
            "library": OUTSIDE.removesuffix(":"),
            **facts,
            "seen": seen_by(facts["trained_on"]),
            "dimensions": bridge().dimensions_of(model),
            "sha256": _sha256_of(model),
        }
        return cls(OutsideEncoder(model, vocabulary, about, tuned=False), tuned)

    @property
    def vocabulary(self) -> Vocabulary:
        """The corpus's words."""
        return self.encoder.vocabulary

    @property
    def sha256(self) -> str:
        """Fingerprint of the weights, and whether they are tuned."""
        return f"{self.about['sha256']}{', tuned' * self.tuned}"

    @property
    def about(self) -> dict[str, Any]:
        """What a classifier's folder and its results say of the weights."""
        return {**self.encoder.about, "tuned": self.tuned}

    def fitted(self, config: PairModelConfig) -> PairModelConfig:
        """Return the sizes of a network that reads these vectors."""
        return replace(config, code_size=self.encoder.code_size)

    def check(self, config: PairConfig) -> None:
        """Refuse settings that outside weights cannot be trained by.

        Raises:
            ValueError: If the network is not the paper's, or words are to be dropped that a frozen
                encoder reads once for all.
        """
        if config.model.kind != "paper":
            raise ValueError(f"kind={config.model.kind}: outside weights are read by kind=paper")
        if config.training.word_drop and not self.tuned:
            raise ValueError("word_drop: a frozen encoder reads each sentence once, as it is")

    def lend(self, networks: Iterable[nn.Module]) -> None:
        """Give loaded networks over these frozen weights what the encoder has read already."""
        for network in networks:
            if not self.tuned:
                network.encoder = self.encoder

    def for_training(self) -> OutsideEncoder:
        """Return the encoder of one classifier: the frozen one itself, or a copy to be tuned."""
        if not self.tuned:
            return self.encoder
        model = copy.deepcopy(self.encoder.outside).requires_grad_(True)
        return OutsideEncoder(model, self.vocabulary, self.encoder.about, tuned=True)


def load_encoder(
    folder: Path, about: Mapping[str, Any], vocabulary: Vocabulary, *, device: str | torch.device
) -> OutsideEncoder:
    """Return the outside encoder of a classifier's folder; tuned weights are put in later.

    Raises:
        CheckpointMismatch: If it has other weights than the classifier was trained on.
        ToolkitError: If the library is not installed.
    """
    model = bridge().load_model(str(folder / FOLDER), device=torch.device(device)).float()
    tuned = bool(about["tuned"])
    if not tuned and _sha256_of(model) != about["sha256"]:
        raise CheckpointMismatch(
            f"{folder / FOLDER}: has other weights than this classifier was trained on; restore "
            "the files of one run"
        )
    facts = {name: value for name, value in about.items() if name != "tuned"}
    return OutsideEncoder(model, vocabulary, facts, tuned=tuned)


class AnyWords:
    """A vocabulary as a model uses it that can read words which it lacks: none is unknown.

    Args:
        vocabulary: It parts texts into words.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, V for every word that the vocabulary lacks."""
        lacking = len(self.vocabulary)
        return [
            [lacking if index == UNKNOWN else index for index in ids]
            for ids in self.vocabulary.encode_batch(texts)
        ]

    def word_counts(self, ids: Sequence[int]) -> WordCounts:
        """Return how many words there are to be read."""
        known = [index for index in ids if index < len(self.vocabulary)]
        counts = self.vocabulary.word_counts(known)
        others = len(ids) - len(known)
        return WordCounts(counts.known + others, 0, is_read=counts.is_read or bool(others))


def _sentences_of(batch: TokenBatch) -> list[Sentence]:
    lengths = batch.lengths.tolist()
    return [tuple(row[:n]) for row, n in zip(batch.tokens.tolist(), lengths, strict=True)]


def _sha256_of(model: nn.Module) -> str:
    return tensors_sha256({name: value.cpu() for name, value in model.state_dict().items()})
