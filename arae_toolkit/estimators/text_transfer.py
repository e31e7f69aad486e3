"""The scikit-learn transformer that rewrites texts so that their label changes."""

# ruff: noqa: N803 - scikit-learn calls these arguments X

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_is_fitted

from arae_toolkit.config.overrides import Sections, with_value
from arae_toolkit.config.presets import preset
from arae_toolkit.devices import Precision, choose_device
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.estimators.shown_log import now_and_then, shown_log
from arae_toolkit.estimators.transfer_fit import train_on_texts
from arae_toolkit.estimators.transfer_score import held_out_score
from arae_toolkit.estimators.validation import (
    check_choice,
    classes_of,
    labels_of,
    names_of,
    plain,
    seed_of,
    texts_of,
    unread_rows,
)
from arae_toolkit.models.hub import copied, folder_of, publish
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.training.metrics_log import Row
from arae_toolkit.transfer.detokenization.natural_text import readable_texts, transfer_natural
from arae_toolkit.transfer.model import TransferModel, Transferred
from arae_toolkit.transfer.systems import AUTOENCODERS, SYSTEMS

CLASSES = "classes.json"
"""The labels of a :class:`TextTransfer` in their own type, beside the files of its model."""
BATCH_ROWS = 256
_log = logging.getLogger(__name__)


class TextTransfer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Texts rewritten to have another label, learned from labelled texts that are no pairs.

    Args:
        kind: ``arae``, the paper's; ``ae``, without critic and prior; ``aae``, with a fixed prior;
            ``cross-aligned``, the baseline of Shen et al.; ``infilling``, which masks what marks a
            label and fills in what marks another; ``delete-and-replace``, which learns nothing.
        to: The label that :meth:`transform` writes towards. ``None`` takes, of two labels, the
            one that a text does not have.
        candidates: Rewritings of each text; the best by attribute, content and fluency counts.
        strength: How much is changed: below 1 stays nearer to the text, above 1 goes further.
        min_fluency: Rewritings of less fluency, in nats per token beside the text's own, are
            refused; where none is left, the text itself is given back, as it is where no word of
            it is known. ``None`` takes the floor that was found on the texts held out, and
            ``-math.inf`` refuses none.
        epochs: Passes over the texts, of a kind that learns.
        settings: Further settings of the kind by name, such as ``{"code_size": 128}``; sizes and
            weights are else those for Yelp. ``arae-toolkit settings`` lists them.
        vocab_size: Most words, taken from the texts.
        max_length: Most words of a text to learn from; longer ones are left out.
        folder: Where to keep the model, which ``arae-toolkit transfer`` takes as well. A training
            that was cut off there goes on. ``None`` keeps it in memory alone.
        random_state: Seed of training and of the candidates. ``None`` takes another one each time.
        device: ``cpu``, ``cuda`` or ``auto``.
        precision: Of the matrix products in training: ``fp32``, ``tf32`` or ``bf16``.
        verbose: Show progress in training, its evaluations on texts held out, and progress in
            rewriting: as a log at level INFO, on stderr unless logging is set up otherwise.

    Attributes:
        classes_: The labels, sorted. Shape (A,).
        model_: The trained :class:`~arae_toolkit.transfer.model.TransferModel`.

    Example:
        >>> TextTransfer(to="positive", epochs=5)
        TextTransfer(epochs=5, to='positive')
    """

    def __init__(
        self,
        kind: str = "arae",
        *,
        to: Any = None,
        candidates: int = 1,
        strength: float = 1.0,
        min_fluency: float | None = None,
        epochs: int = 10,
        settings: Mapping[str, Any] | None = None,
        vocab_size: int = 30_000,
        max_length: int = 25,
        folder: str | Path | None = None,
        random_state: int | None = 0,
        device: str = "cpu",
        precision: Precision = "fp32",
        verbose: bool = False,
    ) -> None:
        """Remember the parameters; :meth:`fit` checks them."""
        self.kind, self.to, self.candidates, self.strength = kind, to, candidates, strength
        self.min_fluency, self.epochs, self.settings = min_fluency, epochs, settings
        self.vocab_size, self.max_length, self.folder = vocab_size, max_length, folder
        self.random_state, self.device, self.precision = random_state, device, precision
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> TextTransfer:
        """Train a new model; what was learned before is forgotten.

        A tenth of the texts is held out, to measure by.

        Args:
            X: N texts, as users write them.
            y: Their labels. Shape (N,).

        Raises:
            ValueError: If there are no texts, one cannot be used or has no label, there is one
                class only, or a parameter cannot be used; it says which.
            CheckpointMismatch: If ``folder`` holds another run.
            TrainingDiverged: If a loss is not finite, or the model has collapsed.
        """
        texts, seed = _texts_in(X), seed_of(self.random_state)
        config = self._config(seed)
        labels, classes = labels_of(y, texts)
        folder = None if self.folder is None else Path(self.folder)
        # Layers draw weights of their own, for nothing.
        with torch.random.fork_rng(devices=[]), shown_log(_log, verbose=self.verbose):
            self.model_ = train_on_texts(
                texts,
                names_of(labels),
                config,
                vocab_size=self.vocab_size,
                max_length=self.max_length,
                seed=seed,
                kind=self.kind,
                folder=folder,
                device=choose_device(self.device),
                precision=self.precision,
                listeners=[_Logged()] if self.verbose else [],
            )
        if folder is not None:
            write_json(folder / CLASSES, classes.tolist())
        self.classes_ = classes
        return self

    @classmethod
    def from_pretrained(
        cls, folder: str | Path, *, device: str = "cpu", **parameters: Any
    ) -> TextTransfer:
        """Return a fitted estimator over a model folder of any kind.

        Args:
            folder: Where ``arae-toolkit pretrain`` or :meth:`fit` has left a model; or
                ``owner/name`` of one on the hub.
            device: ``cpu``, ``cuda`` or ``auto``.
            parameters: ``to``, ``candidates`` and others.

        Raises:
            NotFound: If there is no such folder.
            CheckpointMismatch: If there is none, or its parts do not fit together.
        """
        folder = folder_of(folder)
        loaded, path = cls(device=device, **parameters), folder / CLASSES
        with torch.random.fork_rng(devices=[]):
            model = TransferModel.from_pretrained(folder, device=choose_device(device))
        classes = sorted(model.attributes)
        if path.exists():
            try:
                classes = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError) as error:
                raise CheckpointMismatch(f"{path}: damaged ({error})") from error
        loaded.model_, loaded.classes_ = model, classes_of(classes, model.attributes, path)
        return loaded

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the model as ``owner/name`` with a card; see :mod:`arae_toolkit.models.hub`.

        Raises:
            ToolkitError: If it lies in no folder: it was trained without the parameter of that
                name. Or as for :func:`~arae_toolkit.models.hub.publish`.
        """
        check_is_fitted(self)
        folder = self.model_.folder if self.folder is None else Path(self.folder)
        save = copied(folder)
        return publish(repository, save, made_in=folder, private=private, token=token)

    def transform(self, X: Any) -> npt.NDArray[np.object_]:
        """Return each text rewritten. Shape (N,), of :class:`str`.

        An empty text, and one of which no word is known, is given back as it is.

        Args:
            X: N texts.

        Raises:
            ValueError: If there are none, one is no text, or ``to`` is no label; it says which.
        """
        return np.array([answer.text for answer in self.transfer(X)], dtype=np.object_)

    def transfer(self, X: Any, to: Any = None) -> list[Transferred]:
        """Return each text rewritten, with the scores of the model's own scorer.

        Whether a text was given back, and why, is told by :class:`Transferred`.

        Args:
            X: N texts.
            to: A label, in place of the parameter of this name.

        Raises:
            ValueError: As for :meth:`transform`.
        """
        check_is_fitted(self)
        texts = texts_of(X)
        targets = self._targets(texts, self.to if to is None else to)
        seed = seed_of(self.random_state)
        answers: list[Transferred] = []
        tell = now_and_then(_log.info)
        with shown_log(_log, verbose=self.verbose):
            for start in range(0, len(texts), BATCH_ROWS):
                rows = slice(start, start + BATCH_ROWS)
                answers += transfer_natural(
                    self.model_,
                    texts[rows],
                    targets[rows],
                    candidates=self.candidates,
                    strength=self.strength,
                    seed=seed,
                    min_fluency=self.min_fluency,
                )
                if self.verbose:
                    tell(f"{len(answers):,} of {len(texts):,} texts rewritten")
        return answers

    def score(self, X: Any, y: Any) -> float:
        """Return how well texts are rewritten: the root of transfer times BLEU, from 0 to 100.

        Transfer is the percent of rewritten texts that a judge gives their target, BLEU that of
        rewritten texts to their sources. The judge, of n-grams, learns from the texts given here:
        from one half of them to judge what was made of the other. Neither the model, if it was
        fitted to others, nor the judge has so met what is measured; some hundreds of texts are
        needed for it to know much. A text that has the target already is not rewritten.

        Args:
            X: N texts that the model has not learned from.
            y: Their labels. Shape (N,).

        Raises:
            ValueError: If one cannot be used, fewer than two have a label, ``to`` is no label, or
                is missing where there are more than two.
        """
        check_is_fitted(self)
        texts = _texts_in(X)
        labels, classes = labels_of(y, texts)
        names = names_of(self.classes_)
        origins = names_of(labels)
        if unknown := sorted(set(names_of(classes)) - set(names)):
            raise ValueError(f"label {unknown[0]!r} is none of {', '.join(names)}")
        if self.to is None:
            if len(names) > 2:
                raise ValueError(f"to must be one of {', '.join(names)}, where there are several")
            targets = [names[1 - names.index(origin)] for origin in origins]
        else:
            targets = self._targets(texts, self.to)
        return held_out_score(texts, origins, targets, self._towards)

    def _towards(self, texts: Sequence[str], targets: Sequence[str]) -> list[str]:
        """Return each text rewritten towards a target of its own."""
        answers: dict[int, str] = {}
        for target in dict.fromkeys(targets):
            rows = [row for row, own in enumerate(targets) if own == target]
            found = self.transfer([texts[row] for row in rows], to=target)
            answers |= {row: one.text for row, one in zip(rows, found, strict=True)}
        return [answers[row] for row in range(len(texts))]

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the label of each text by the model's own classifier. Shape (N,).

        It is what chooses among candidates, and no independent evaluator of what was rewritten. A
        warning tells how many texts have no known word: their labels mean nothing.
        """
        check_is_fitted(self)
        texts = texts_of(X)
        unread_rows(self.model_.vocabulary, [(text,) for text in texts])
        likeliest: npt.NDArray[Any] = self.classes_[self._classified(texts)]
        return likeliest

    def _classified(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the number, among ``classes_``, of each text's label. Shape (N,)."""
        columns = [self.model_.attributes.index(name) for name in names_of(self.classes_)]
        sentences = self.model_.vocabulary.encode_batch(
            readable_texts(self.model_.vocabulary, texts)
        )
        return np.asarray(self.model_.scorer.probabilities(sentences)[:, columns].argmax(axis=1))

    def _targets(self, texts: Sequence[str], to: Any) -> list[str]:
        """Return the name of the label that each text is to have."""
        names = names_of(self.classes_)
        if to is not None:
            return [self.model_.attributes[self.model_.value_of(str(to))]] * len(texts)
        if len(names) > 2:
            raise ValueError(f"to must be one of {', '.join(names)}, where there are several")
        return [names[1 - label] for label in self._classified(texts).tolist()]

    def _config(self, seed: int) -> Sections | None:
        """Return the parameters as settings, ``None`` for a kind that learns nothing.

        Raises:
            ValueError: If one is of another type, or outside its range.
        """
        check_choice("kind", self.kind, tuple(SYSTEMS))
        check_choice("precision", self.precision, get_args(Precision))
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if self.kind in AUTOENCODERS:
            config: Sections | None = preset("default", corpus="yelp", transfer=True)
        else:
            config = SYSTEMS[self.kind].default_settings()
        if config is None:
            for name in self.settings or {}:
                raise ValueError(f"no setting {name!r}: {self.kind} learns nothing")
            return None
        own = {"epochs": self.epochs, "seed": seed}
        for name, value in {**(self.settings or {}), **own}.items():
            config = with_value(config, name, plain(value))
        return config

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: this one takes texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        tags.target_tags.required = True
        # What searches over parameters makes folds that have each label alike.
        tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags


class _Logged:
    """Logs each evaluation, and now and then how far the training is."""

    def __init__(self) -> None:
        self.tell = now_and_then(_log.info)

    def row(self, row: Row) -> None:
        """Log a row of an evaluation."""
        numbers = (f"{name} {value:.4g}" for name, value in row.items() if type(value) is float)
        line = f"iteration {row['iteration']}: {', '.join(numbers)}"
        if row["kind"] == "dev":
            _log.info("%s", line)
        else:
            self.tell(line)

    def tick(self, iteration: int) -> None:
        """Take no notice of an iteration."""

    def note(self, text: str) -> None:
        """Log a line."""
        _log.info("%s", text)


def _texts_in(rows: Any) -> list[str]:
    """Return rows as texts that hold something.

    Raises:
        ValueError: If there is none, or one is no text or empty; rows are counted from 0.
    """
    texts = texts_of(rows)
    for number, text in enumerate(texts):
        if not text.strip():
            raise ValueError(f"row {number}: empty text")
    return texts
