"""The delete-retrieve rewriter: delete what marks the attribute, put in a retrieved marker.

The template-based system of Li, Jia, He and Liang (Delete, Retrieve, Generate, NAACL 2018): the
n-grams that mark another attribute than the target are deleted; of the target's training sentences
the one is looked up whose words beside its own markers are most like what is left; and its markers
take the places of the deleted ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import torch

from arae_toolkit.data.corpus import Corpus, PackedSentences
from arae_toolkit.data.vocabulary import EOS, UNKNOWN, Vocabulary
from arae_toolkit.devices import Precision
from arae_toolkit.models.model_folder import (
    CONFIG,
    ModelFolder,
    check_vacant,
    save_model_folder,
)
from arae_toolkit.storage.locks import locked
from arae_toolkit.training.experiment import RunOptions
from arae_toolkit.training.run_identity import Identity, check_folder
from arae_toolkit.transfer.delete_retrieve.retrieval import (
    Span,
    TfidfRetrieval,
    marked_spans,
    markers_of,
)
from arae_toolkit.transfer.rewriter import Sentence
from arae_toolkit.transfer.salience import NgramSalience
from arae_toolkit.transfer.scorer.training import provide_scorer
from arae_toolkit.version import __version__

DELETE_AND_REPLACE = "delete-and-replace"
_SENTENCES = "memory."


class DeleteRetrieve:
    """A :class:`~arae_toolkit.transfer.rewriter.Rewriter` of words deleted and retrieved.

    Args:
        vocabulary: Words and tokenizer.
        attributes: A names.
        salience: What marks each value.
        sentences: Those with markers to be put in; with labels.
        markers: Which marker of its sentence each of their tokens belongs to, counted from 1; 0 is
            none. Shape (number of tokens,), uint8.
        threshold: Salience in nats from which an n-gram is deleted, at strength 1.

    Raises:
        ValueError: If the arrays do not fit together.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        attributes: Sequence[str],
        *,
        salience: NgramSalience,
        sentences: PackedSentences,
        markers: npt.NDArray[np.uint8],
        threshold: float,
    ) -> None:
        """Keep them; what is looked up in is built when a target first asks for it."""
        if len(markers) != len(sentences.tokens) or sentences.labels is None:
            raise ValueError(
                f"{len(markers)} markers for {len(sentences.tokens)} tokens of labelled sentences"
            )
        self.vocabulary, self.attributes = vocabulary, tuple(attributes)
        self.salience, self.threshold = salience, threshold
        self._sentences, self._markers = sentences, markers
        self._retrievals: dict[int, TfidfRetrieval] = {}

    def propose(
        self,
        sentences: Sequence[Sentence],
        targets: Sequence[int],
        *,
        count: int,
        strength: float,
        seed: int,
    ) -> list[list[Sentence]]:
        """Return proposals from the nearest sentences of the target, the nearest one's first.

        Where fewer than ``count`` differ, the last is repeated. The strength divides the threshold:
        below 1 a sentence without any marker is left as it is, from 1 on its most salient word is
        replaced, and 0 deletes nothing. Nothing is drawn.
        """
        del seed
        spans = self._spans(sentences, targets, strength)
        proposals: list[list[Sentence]] = [[list(s)] * count for s in sentences]
        for target in sorted(set(targets)):
            rows = [i for i, t in enumerate(targets) if t == target and spans[i]]
            contents = [_without(sentences[i], spans[i]) for i in rows]
            found = self._retrieval(target).nearest(contents, count=count)
            for row, markers in zip(rows, found, strict=True):
                filled = [_filled(sentences[row], spans[row], own) for own in markers]
                if filled:
                    proposals[row] = filled + [filled[-1]] * (count - len(filled))
        return proposals

    def _retrieval(self, target: int) -> TfidfRetrieval:
        """Return what is looked up in for a target."""
        if target not in self._retrievals:
            labels = self._sentences.labels
            assert labels is not None, "checked at the start"
            rows = np.flatnonzero(np.asarray(labels) == target)
            self._retrievals[target] = TfidfRetrieval(
                self._sentences, self._markers, rows, vocab_size=len(self.vocabulary)
            )
        return self._retrievals[target]

    def _spans(
        self, sentences: Sequence[Sentence], targets: Sequence[int], strength: float
    ) -> list[list[Span]]:
        """Return what is to be deleted from each sentence, in the order of the text."""
        if not sentences or strength <= 0:
            return [[] for _ in sentences]
        flat = np.concatenate([np.asarray(sentence, dtype=np.int64) for sentence in sentences])
        salience = self.salience.of(flat)
        ends = np.cumsum([len(sentence) for sentence in sentences])
        spans = []
        for sentence, target, end in zip(sentences, targets, ends.tolist(), strict=True):
            own = salience[:, :, end - len(sentence) : end]
            others = np.delete(own, target, axis=1).max(axis=1)
            found = marked_spans(others, threshold=self.threshold / strength)
            known = np.asarray(sentence) > UNKNOWN
            if not found and strength >= 1 and known.any():  # the most salient word
                found = [(int(np.where(known, others[0], -np.inf).argmax()), 1)]
            spans.append(found)
        return spans

    @classmethod
    def from_content(cls, content: ModelFolder, *, precision: Precision = "fp32") -> DeleteRetrieve:
        """Return the rewriter of a model folder; it multiplies nothing in any precision."""
        del precision
        assert content.vocabulary is not None, "a text model has a vocabulary"
        arrays = {name: tensor.cpu().numpy() for name, tensor in content.tensors.items()}
        kept = [arrays[_SENTENCES + name] for name in ("tokens", "offsets", "labels")]
        return cls(
            content.vocabulary,
            content.config["labels"],
            salience=NgramSalience.from_arrays(arrays, len(content.vocabulary)),
            sentences=PackedSentences(*kept),
            markers=arrays[_SENTENCES + "markers"],
            **content.config["model"],
        )

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """What the model folder holds in place of weights, by name."""
        kept = self._sentences
        arrays: dict[str, npt.NDArray[Any]] = {
            **self.salience.arrays(),
            _SENTENCES + "tokens": np.asarray(kept.tokens).astype(np.int32),
            _SENTENCES + "offsets": np.array(kept.offsets),
            _SENTENCES + "labels": np.array(kept.labels),
            _SENTENCES + "markers": self._markers,
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def save_pretrained(
        self,
        folder: str | Path,
        *,
        run: Identity | None = None,
        corpus: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a self-contained model folder, with the sentences that are looked up in.

        Args:
            folder: Made if need be.
            run: Identity of the run that built the model, for the record.
            corpus: What it was counted in, for the record.
        """
        save_model_folder(
            Path(folder),
            config={
                "kind": DELETE_AND_REPLACE,
                "model": {"threshold": self.threshold},
                "labels": list(self.attributes),
                "run": dict(run or {}),
                **({"corpus": corpus} if corpus else {}),
                "toolkit": __version__,
            },
            vocabulary=self.vocabulary,
            tensors=self.tensors,
        )


def build_delete_retrieve(
    corpus: Corpus,
    folder: Path,
    *,
    threshold: float = 2.7,
    smoothing: float = 1.0,
    rarest: int = 2,
) -> DeleteRetrieve:
    """Count what marks each value in a corpus's train split, and write the model folder.

    Args:
        corpus: Text with labels.
        folder: Of the model.
        threshold: Salience in nats from which an n-gram is a marker; 2.7 is the ratio of 15 that
            Li et al. took for reviews.
        smoothing: Added to counts; see :func:`~arae_toolkit.transfer.salience.word_salience`.
        rarest: n-grams of several words that are seen less often mark nothing.

    Raises:
        CheckpointMismatch: If the folder holds a model of other settings or another corpus.
        ToolkitError: If it holds another model without its configuration.
        ValueError: If the corpus has fewer than two labels.
    """
    settings = {"threshold": threshold, "smoothing": smoothing, "rarest": rarest}
    identity = {"corpus": corpus.sha256, **{name: repr(value) for name, value in settings.items()}}
    check_folder(folder / CONFIG, identity, defaults={})
    attributes, train = corpus.labels, corpus.split("train")
    vocab_size = len(corpus.vocabulary)
    salience = NgramSalience.count(
        train, len(attributes), vocab_size, smoothing=smoothing, rarest=rarest
    )
    model = DeleteRetrieve(
        corpus.vocabulary,
        attributes,
        salience=salience,
        sentences=train,
        markers=markers_of(train, salience, threshold=threshold),
        threshold=threshold,
    )
    with locked(folder, "a training"):
        check_vacant(folder, model.tensors)
        model.save_pretrained(folder, run=identity, corpus=corpus.record)
    return model


def train_delete_retrieve(
    corpus: Corpus,
    settings: None,
    folder: Path,
    *,
    scorer_folder: Path,
    **options: Unpack[RunOptions],
) -> None:
    """Build the model, and put the corpus's scorer beside it, trained by the options."""
    del settings  # nothing is learned
    build_delete_retrieve(corpus, folder)
    provide_scorer(corpus, scorer_folder, folder, options)


def _without(sentence: Sentence, spans: Sequence[Span]) -> Sentence:
    """Return the known words that stand in no span."""
    inside = {start + i for start, length in spans for i in range(length)}
    return [w for i, w in enumerate(sentence) if i not in inside and w > UNKNOWN]


def _filled(sentence: Sentence, spans: Sequence[Span], markers: Sequence[Sentence]) -> Sentence:
    """Return the sentence with markers in the places of spans, in order.

    Where there are more markers than places those left over are dropped; where there are fewer the
    last places close.
    """
    result: Sentence = []
    at = 0
    for place, (start, length) in enumerate(spans):
        result += sentence[at:start]
        result += markers[place] if place < len(markers) else []
        at = start + length
    result += sentence[at:]
    return result if len(result) > 1 else [*markers[0], EOS]
