"""The scikit-learn classifier of sentence pairs."""

# ruff: noqa: N803 - scikit-learn calls these arguments X

from __future__ import annotations

import json
import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from arae_toolkit.config.overrides import with_value
from arae_toolkit.data.vocabulary import Vocabulary
from arae_toolkit.devices import Precision, choose_device
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.estimators.nli_fit import train_in_memory
from arae_toolkit.estimators.validation import (
    check_choice,
    classes_of,
    labels_of,
    names_of,
    pairs_of,
    plain,
    seed_of,
    unread_rows,
)
from arae_toolkit.models.hub import folder_of, publish
from arae_toolkit.nli.model import NLIModel, Pair
from arae_toolkit.nli.networks import PairNetwork, new_network
from arae_toolkit.nli.pair_batches import store_of_texts
from arae_toolkit.nli.pretrained_encoder import PretrainedEncoder
from arae_toolkit.nli.settings import ModelName, PairConfig
from arae_toolkit.storage.atomic_files import write_json

ESTIMATOR = "estimator.json"
"""Parameters and classes of an :class:`NLIClassifier`, beside the files of its model."""
_SETTINGS = (  # parameters that are settings of the same name
    *("kind", "embedding_size", "code_size", "hidden_size", "embedding_dropout", "dropout"),
    *("batch_size", "epochs", "rate", "word_drop"),
)
MOST_HELD_OUT = 0.25
"""So large a share of the pairs may be held out to have one of each class, where less is asked."""
_log = logging.getLogger(__name__)


class NLIClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Which label a pair of sentences has: premise and hypothesis, or any two.

    Args:
        kind: ``paper``, ``bilstm-max`` or ``attention``; see
            :class:`~arae_toolkit.nli.settings.PairModelConfig`, as for the sizes and dropouts.
        encoder: Model folder whose words and encoder the network starts from: for ``paper`` that
            of an autoencoder or of a classifier of this kind, for the others that of a classifier
            of two directions or of an encoder pretrained on pairs. It decides ``embedding_size``,
            ``code_size`` and the vocabulary. ``None`` starts from random weights.
        embedding_size: E.
        code_size: Z.
        hidden_size: H, hidden units of the perceptron.
        epochs: Passes over the pairs.
        batch_size: Pairs an update.
        rate: Largest learning rate.
        word_drop: Share of the words replaced by ``<unk>`` in training.
        dropout: Share of the perceptron's inputs and hidden units dropped in training.
        embedding_dropout: The same of the embeddings' coordinates.
        vocab_size: Most words, taken from the training pairs.
        validation_fraction: Share of the pairs, as many of each class, that choose the epoch whose
            weights are kept. 0 learns from all pairs and keeps the last epoch. Of few pairs one of
            each class is held out, or none if that were more than a quarter; a warning tells.
        random_state: Seed of weights, batches, dropout and held-out pairs. ``None`` takes another
            one each time.
        device: ``cpu``, ``cuda`` or ``auto``.
        precision: Of the matrix products in training: ``fp32``, ``tf32`` or ``bf16``.
        verbose: Log a line after each epoch, at level INFO.

    Attributes:
        classes_: The labels, sorted. Shape (A,).
        model_: The trained :class:`~arae_toolkit.nli.model.NLIModel`.
        loss_curve_: Mean training loss of each epoch, in nats a pair.
        validation_scores_: Accuracy after each epoch on the pairs held out, as a share.

    Example:
        >>> pairs = [("a man runs .", "a man moves ."), ("a man runs .", "nobody moves .")] * 4
        >>> model = NLIClassifier(embedding_size=4, code_size=4, hidden_size=4, epochs=1)
        >>> model.set_params(validation_fraction=0).fit(pairs, ["yes", "no"] * 4).classes_.tolist()
        ['no', 'yes']
    """

    def __init__(
        self,
        kind: ModelName = "paper",
        *,
        encoder: str | Path | None = None,
        embedding_size: int = 300,
        code_size: int = 300,
        hidden_size: int = 300,
        epochs: int = 6,
        batch_size: int = 64,
        rate: float = 1e-3,
        word_drop: float = 0.0,
        dropout: float = 0.1,
        embedding_dropout: float = 0.1,
        vocab_size: int = 20_000,
        validation_fraction: float = 0.1,
        random_state: int | None = 0,
        device: str = "cpu",
        precision: Precision = "fp32",
        verbose: bool = False,
    ) -> None:
        """Remember the parameters; :meth:`fit` checks them."""
        self.kind, self.encoder = kind, encoder
        self.embedding_size, self.code_size = embedding_size, code_size
        self.hidden_size = hidden_size
        self.epochs, self.batch_size, self.rate = epochs, batch_size, rate
        self.word_drop, self.dropout, self.embedding_dropout = word_drop, dropout, embedding_dropout
        self.vocab_size, self.validation_fraction = vocab_size, validation_fraction
        self.random_state, self.device, self.precision = random_state, device, precision
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> NLIClassifier:
        """Train a new network; what was learned before is forgotten.

        Args:
            X: N pairs of texts: tuples, or an array of shape (N, 2).
            y: Their labels. Shape (N,).

        Raises:
            ValueError: If there are no pairs, a row is no pair of texts or has no label, there is
                one class only, or a parameter cannot be used; it says which.
            CheckpointMismatch: If ``encoder`` does not fit ``kind``.
            TrainingDiverged: If the loss is not finite, or far above that of guessing.
        """
        pairs, config = pairs_of(X), self._config()
        labels, classes = labels_of(y, pairs)
        targets = np.searchsorted(classes, labels)
        train, held_out = self._split(targets, seed=config.training.seed)
        network, vocabulary, config = self._start(
            [pairs[row] for row in train], config, labels=len(classes)
        )
        device = choose_device(self.device)
        self.loss_curve_, self.validation_scores_ = train_in_memory(
            network.to(device),
            config.training,
            store_of_texts(pairs, targets.tolist(), vocabulary, device=device),
            train,
            held_out,
            precision=self.precision,
            log=_log.info if self.verbose else lambda line: None,
        )
        arguments = asdict(config.model)
        self.model_ = NLIModel([network], vocabulary, names_of(classes), arguments=arguments)
        self.classes_, self.n_features_in_ = classes, 2
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Return the probability of each of ``classes_`` for each pair. Shape (N, A).

        Where no word of a text is known, all classes are as likely. A warning counts such pairs.
        """
        check_is_fitted(self)
        pairs = pairs_of(X)
        columns = [self.model_.labels.index(name) for name in names_of(self.classes_)]
        probabilities = self.model_.probabilities(pairs)[:, columns]
        probabilities[unread_rows(self.model_.reader, pairs)] = 1 / len(columns)
        return probabilities

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likeliest label of each pair, the first of equal ones. Shape (N,)."""
        probabilities = self.predict_proba(X)
        likeliest: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return likeliest

    def save(self, folder: str | Path) -> None:
        """Write a self-contained model folder, which ``arae-toolkit nli predict`` takes as well.

        Raises:
            ToolkitError: If it cannot be written.
        """
        check_is_fitted(self)
        self.model_.save_pretrained(folder)
        parameters = {name: plain(value) for name, value in self.get_params().items()}
        content = {"parameters": parameters, "classes": self.classes_.tolist()}
        write_json(Path(folder) / ESTIMATOR, content)

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the classifier as ``owner/name``; see :mod:`arae_toolkit.models.hub`."""
        check_is_fitted(self)
        return publish(
            repository, self.save, made_in=self.model_.folder, private=private, token=token
        )

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> NLIClassifier:
        """Return what :meth:`save` wrote, or a classifier that ``arae-toolkit nli`` has trained.

        It lies in a folder, or on the hub as ``owner/name``.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If there is none in the folder, or its parts do not fit together.
        """
        folder = folder_of(folder)
        with torch.random.fork_rng(devices=[]):
            model = NLIModel.from_pretrained(folder, device=choose_device(device))
        path = folder / ESTIMATOR
        parameters, classes = model.arguments, sorted(model.labels)
        try:
            if path.exists():
                content = json.loads(path.read_text(encoding="utf-8"))
                parameters, classes = content["parameters"], content["classes"]
            loaded = cls(**{**parameters, "device": device})
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise CheckpointMismatch(f"{path}: damaged ({error})") from error
        loaded.model_, loaded.n_features_in_ = model, 2
        loaded.classes_ = classes_of(classes, model.labels, path)
        return loaded

    def _config(self) -> PairConfig:
        """Return the parameters as settings.

        Raises:
            ValueError: If one is of another type, or outside its range.
        """
        config = PairConfig()
        for name in _SETTINGS:
            config = with_value(config, name, plain(getattr(self, name)))
        check_choice("precision", self.precision, get_args(Precision))
        for name in ("word_drop", "validation_fraction"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        return with_value(config, "seed", seed_of(self.random_state))

    def _split(
        self, targets: npt.NDArray[np.int64], *, seed: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the numbers of the pairs to learn from, and of those held out."""
        rows = np.arange(len(targets))
        if not self.validation_fraction:
            return rows, rows[:0]
        counts = np.bincount(targets)
        wanted = math.ceil(self.validation_fraction * len(rows))
        # Of a class of one pair none is held out: it is there to be learned.
        several = rows[counts[targets] > 1]
        classes = int((counts > 1).sum())
        size = min(max(wanted, classes), len(several) - classes)
        if size < classes or size > max(wanted, len(rows) * MOST_HELD_OUT) or not classes:
            size = 0
        if size != wanted or classes < len(counts):
            warnings.warn(
                f"validation_fraction={self.validation_fraction:g} of {len(rows):,} pairs has not "
                f"one of each of {len(counts)} classes: {size or 'none'} held out"
                + (
                    f", of the {classes} with more than one pair"
                    if size and classes < len(counts)
                    else ""
                ),
                UserWarning,
                stacklevel=3,
            )
        if not size:
            return rows, rows[:0]
        train, held_out = train_test_split(
            several, test_size=size, stratify=targets[several], random_state=seed
        )
        single = rows[counts[targets] == 1]
        return np.sort(np.concatenate([train, single])), np.sort(held_out)

    def _start(
        self, pairs: Sequence[Pair], config: PairConfig, *, labels: int
    ) -> tuple[PairNetwork, Vocabulary, PairConfig]:
        """Return a network to be trained, its words, and the settings with its own sizes."""
        encoder = None if self.encoder is None else PretrainedEncoder.load(self.encoder)
        if encoder is None:
            texts = (text for pair in pairs for text in pair)
            vocabulary = Vocabulary.build(texts, size=self.vocab_size)
        else:
            vocabulary = encoder.vocabulary
            config = replace(config, model=encoder.fitted(config.model))
        with torch.random.fork_rng(devices=[]):
            generator = torch.Generator().manual_seed(config.training.seed)
            sizes = asdict(config.model)
            network = new_network(len(vocabulary), labels, generator=generator, **sizes)
        if encoder is not None and not encoder.put_into(network):
            raise CheckpointMismatch(f"{self.encoder}: no encoder that {self.kind} can start from")
        return network, vocabulary, config

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: this one takes pairs of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags
