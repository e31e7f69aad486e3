"""Automatic metrics of text transfer (Table 3), and what they hide.

Every number of a system stands beside that of copying the input: a system that changes nothing has
BLEU 100 and reads fluently, and a system that answers every sentence with the same one of the
target has an accuracy of 100. BLEU to the source and similarity to it reward copying alike: the
copied input has 100 and 1 by construction, and neither says anything of a system alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.evaluation.generation.feature_distances import Encoder, row_cosines
from arae_toolkit.evaluation.language_model import LanguageModel, SentenceNats
from arae_toolkit.evaluation.text_overlap import (
    copy_rate,
    corpus_bleu,
    distinct,
    mean_words,
    words_of,
)
from arae_toolkit.evaluation.transfer.ngram_classifier import TextClassifier

UNKNOWN_LABEL = -1
Rows = npt.NDArray[np.int64]
Reverse = Callable[[Sequence[str]], float]
"""Returns the reverse perplexity of outputs; see :mod:`arae_toolkit.evaluation.language_model`."""


@dataclass(frozen=True)
class Measures:
    """What is measured over some outputs together.

    Attributes:
        rows: Outputs.
        accuracy: Percent that a classifier says to be of the target, by classifier.
        source_bleu: BLEU of the outputs to their sources, from 0 to 100.
        combined: Square root of accuracy times BLEU to the source, by the strictest classifier;
            from 0 to 100. Low where either is.
        reference_bleu: BLEU to the references, over the rows that have some; ``None`` without.
        referenced: Rows that have references.
        forward_perplexity: Per token, of the outputs to a model of real text.
        reverse_perplexity: Per token, of real text to a model of the outputs. ``None`` where it
            was not measured.
        similarity: Mean cosine of outputs and their sources in a space of sentence vectors, from
            -1 to 1. ``None`` where it was not measured.
        copied: Percent of outputs that are their source.
        distinct_1: Percent of words that are different ones, over all outputs.
        distinct_2: The same of pairs of neighbouring words.
        words: Mean length.
        unknown: Percent of words that the language model does not know, which makes its
            perplexity mean less.
    """

    rows: int
    accuracy: Mapping[str, float]
    source_bleu: float
    combined: float
    reference_bleu: float | None
    referenced: int
    forward_perplexity: float
    reverse_perplexity: float | None
    similarity: float | None
    copied: float
    distinct_1: float
    distinct_2: float
    words: float
    unknown: float


@dataclass(frozen=True)
class TransferResult:
    """What is measured of one system.

    Attributes:
        overall: Over all rows pooled: a direction counts by its rows.
        directions: By source and target label, such as ``negative -> positive``; a source whose
            label is not known is ``?``.
        signature: Every setting that moves the numbers.
    """

    overall: Measures
    directions: Mapping[str, Measures]
    signature: Mapping[str, Any]


def measure_transfer(
    sources: Sequence[str],
    outputs: Sequence[str],
    source_labels: Sequence[int],
    target_labels: Sequence[int],
    *,
    classifiers: Sequence[TextClassifier],
    language_model: LanguageModel,
    reverse: Reverse | None = None,
    references: Sequence[Sequence[str]] | None = None,
    encoder: Encoder | None = None,
) -> TransferResult:
    """Measure the outputs of one system.

    All texts are compared by their words, lower-cased; see
    :func:`~arae_toolkit.evaluation.text_overlap.words_of`.

    Args:
        sources: N texts.
        outputs: What was made of each; may be empty texts.
        source_labels: Class id of each source, ``UNKNOWN_LABEL`` where it is not known.
        target_labels: Class id that each output was to have.
        classifiers: One or more, with the same labels.
        language_model: Of real text.
        reverse: Measures reverse perplexity, over all rows pooled only: the outputs of a direction
            are too few to learn from.
        references: For each source, what people have made of it: none, one or more texts.
        encoder: Of sentences, for similarity.

    Raises:
        ValueError: If the lengths differ, there is no row or classifier, or a label does not exist.
    """
    rows = len(sources)
    given = (outputs, source_labels, target_labels, *([] if references is None else [references]))
    if not rows or not classifiers or any(len(part) != rows for part in given):
        raise ValueError(
            f"{rows} sources, {', '.join(str(len(part)) for part in given)} values that belong to "
            f"them and {len(classifiers)} judges: nothing that can be measured"
        )
    labels = classifiers[0].labels
    targets = np.asarray(target_labels, dtype=np.int64)
    origins = np.asarray(source_labels, dtype=np.int64)
    for name, values, least in (("target", targets, 0), ("source", origins, UNKNOWN_LABEL)):
        if values.min() < least or values.max() >= len(labels):
            raise ValueError(f"a {name} label is none of the judges' {len(labels)}")
    read, written = ([words_of(text) for text in texts] for texts in (sources, outputs))
    texts = (read, written, [list(map(words_of, some)) for some in references or [[]] * rows])
    hits = {
        classifier.name: classifier.probabilities(written).argmax(axis=1) == targets
        for classifier in classifiers
    }
    nats = language_model.read(written)
    every = np.arange(rows)
    cosines, about_encoder = None, None
    if encoder is not None:
        before = encoder.features(read)
        cosines = row_cosines(before, encoder.features(written))
        # Each once, in their order, in which neighbours have nothing to do with each other.
        distinct_sources = before[np.sort(np.unique(np.asarray(read), return_index=True)[1])]
        shifted = np.roll(distinct_sources, 1, axis=0)
        about_encoder = {
            "name": encoder.name,
            "sha256": encoder.sha256,
            "another_source": float(row_cosines(distinct_sources, shifted).mean()),
        }
    overall, bleu_signature = _measures(texts, hits, nats, cosines, every, reverse=reverse)
    directions = {}
    for origin, target in sorted(set(zip(origins.tolist(), targets.tolist(), strict=True))):
        chosen = np.flatnonzero((origins == origin) & (targets == target))
        name = f"{labels[origin] if origin != UNKNOWN_LABEL else '?'} -> {labels[target]}"
        directions[name], _ = _measures(texts, hits, nats, cosines, chosen, reverse=None)
    return TransferResult(
        overall,
        directions,
        {
            "bleu": bleu_signature,
            "judges": {
                classifier.name: {
                    "dev_accuracy": classifier.dev_accuracy,
                    "labels": list(classifier.labels),
                    "settings": classifier.settings,
                }
                for classifier in classifiers
            },
            "language_model": {
                "held_out_perplexity": language_model.held_out_perplexity,
                "settings": asdict(language_model.settings),
            },
            "encoder": about_encoder,
        },
    )


def _measures(
    texts: tuple[Sequence[str], Sequence[str], Sequence[Sequence[str]]],
    hits: Mapping[str, npt.NDArray[np.bool_]],
    nats: SentenceNats,
    cosines: npt.NDArray[np.float64] | None,
    rows: Rows,
    *,
    reverse: Reverse | None,
) -> tuple[Measures, str]:
    """Return what is measured over some rows, and the signature of BLEU."""
    sources, outputs = ([part[row] for row in rows] for part in texts[:2])
    answered = {place: texts[2][row] for place, row in enumerate(rows) if texts[2][row]}
    accuracy = {name: 100 * float(right[rows].mean()) for name, right in hits.items()}
    bleu = corpus_bleu(outputs, [[source] for source in sources])
    reference_bleu = None
    if answered:
        answers = [outputs[place] for place in answered]
        reference_bleu = corpus_bleu(answers, list(answered.values())).score
    own = nats.at(rows)
    measures = Measures(
        rows=len(rows),
        accuracy=accuracy,
        source_bleu=bleu.score,
        combined=math.sqrt(min(accuracy.values()) * bleu.score),
        reference_bleu=reference_bleu,
        referenced=len(answered),
        forward_perplexity=own.perplexity,
        reverse_perplexity=None if reverse is None else reverse(outputs),
        similarity=None if cosines is None else float(cosines[rows].mean()),
        copied=copy_rate(outputs, sources),
        distinct_1=distinct(outputs, 1),
        distinct_2=distinct(outputs, 2),
        words=mean_words(outputs),
        unknown=own.unknown_percent,
    )
    return measures, bleu.signature
