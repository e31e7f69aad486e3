"""The scikit-learn transformer from sentences to codes."""

# ruff: noqa: N803 - scikit-learn calls these arguments X

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from arae_toolkit.devices import choose_device
from arae_toolkit.errors import ToolkitError
from arae_toolkit.estimators.validation import texts_of, unread_rows
from arae_toolkit.models.hub import copied, publish
from arae_toolkit.nli.outside_encoder import bridge
from arae_toolkit.nli.pretrained_encoder import EMBEDDING, PretrainedEncoder
from arae_toolkit.nli.settings import OUTSIDE
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.nn.sentence_encoding import encode_sentences


class SentenceEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Sentences to codes, by the encoder of a model folder: features for any classifier.

    Args:
        model: Folder of a pretrained autoencoder, of a classifier of pairs (of its encoder alone),
            or of an encoder pretrained on pairs; or ``owner/name`` of one on the hub. Or, behind
            ``sentence-transformers:``, the folder or name of a model of that library (extra
            ``sentence-transformers``), whose weights have seen what their makers say.
        batch_size: Sentences read together.
        device: ``cpu``, ``cuda`` or ``auto``.

    Attributes:
        encoder_: The network.
        vocabulary_: Its words, where it is one of ours.
        folder_: Where it lies, where it is one of ours.

    Example:
        >>> SentenceEncoder("runs/yelp", batch_size=64)
        SentenceEncoder(batch_size=64, model='runs/yelp')
    """

    def __init__(
        self, model: str | Path = "runs/snli", *, batch_size: int = 256, device: str = "cpu"
    ) -> None:
        """Remember the parameters; :meth:`fit` reads the folder."""
        self.model, self.batch_size, self.device = model, batch_size, device

    def fit(self, X: Any = None, y: Any = None) -> SentenceEncoder:
        """Load the encoder. There is nothing to learn: ``X`` and ``y`` are not looked at.

        Raises:
            CheckpointMismatch: If there is no encoder of sentences in the folder.
            ToolkitError: If sentence-transformers is asked for and not installed, or it finds no
                such model.
        """
        outside = str(self.model).removeprefix(OUTSIDE)
        if outside != str(self.model):
            self.encoder_ = bridge().load_model(outside, device=choose_device(self.device))
            self._n_features_out = bridge().dimensions_of(self.encoder_)
            return self
        pretrained = PretrainedEncoder.load(self.model)
        make = LSTMEncoder if pretrained.whole_for_paper else BiLSTMEncoder
        self.folder_ = pretrained.folder
        self.vocabulary_, self._n_features_out = pretrained.vocabulary, pretrained.code_size
        with torch.random.fork_rng(devices=[]):  # layers draw weights of their own, for nothing
            self.encoder_ = make(
                len(self.vocabulary_),
                embedding_size=pretrained.tensors[EMBEDDING].shape[1],
                code_size=pretrained.code_size,
                state_size=pretrained.state_size,
                code_form=pretrained.code_form,
            )
        self.encoder_.load_state_dict(pretrained.tensors)
        self.encoder_.to(choose_device(self.device)).eval()
        return self

    def transform(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the code of each sentence. Shape (N, Z), of unit norm where the model says so.

        A text of which no word is known has zeros in its place, and a warning counts such texts.

        Args:
            X: N texts.

        Raises:
            ValueError: If there are none, or one is no text; it says which.
        """
        check_is_fitted(self)
        texts = texts_of(X)
        if str(self.model).startswith(OUTSIDE):
            vectors = self.encoder_.encode(
                texts, batch_size=self.batch_size, show_progress_bar=False
            )
            return np.asarray(vectors, dtype=np.float32)
        unread = unread_rows(self.vocabulary_, [(text,) for text in texts])
        sentences = self.vocabulary_.encode_batch(texts)
        codes = encode_sentences(self.encoder_, sentences, batch_size=self.batch_size)
        numbers: npt.NDArray[np.float32] = codes.cpu().numpy()
        numbers[unread] = 0.0
        return numbers

    def push_to_hub(
        self, repository: str, *, private: bool = False, token: str | None = None
    ) -> str:
        """Publish the model as ``owner/name`` with a card; see :mod:`arae_toolkit.models.hub`."""
        check_is_fitted(self)
        if str(self.model).startswith(OUTSIDE):
            raise ToolkitError(f"{self.model} is no model of this toolkit; publish it with its own")
        save = copied(self.folder_)
        return publish(repository, save, made_in=self.folder_, private=private, token=token)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: this one takes texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags
