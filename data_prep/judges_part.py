"""The judges' part of train: sentences that scoring models learn from, and no system."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.data_prep.encoded_texts import EncodedTexts, Rows
from arae_toolkit.data_prep.held_out import NO_DOCUMENT, fraction_of

FEWEST = 100
"""Train is not split where the judges would get fewer sentences, from which they learn nothing."""


def judges_rows(
    texts: EncodedTexts, rows: Rows, documents: npt.NDArray[np.int64], *, share: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Divide the sentences of train.

    A document goes to one part as a whole, and a sentence of no known document goes where all go
    that differ from it in punctuation alone. Which part that is depends on the document or the
    words and on nothing else: not on the order of the rows, and not on what else there is.

    Args:
        texts: What the rows point to.
        rows: The sentences of train. Shape (N,).
        documents: The document that each is of, ``NO_DOCUMENT`` where it is not known. Shape (N,).
        share: Of the judges, from 0 to 1.

    Returns:
        Two masks of shape (N,): the sentences of the judges, and those that are left out of both
        parts, because they would be the judges' and the systems have one that differs from them in
        punctuation alone. Both are empty where the judges would have fewer than ``FEWEST``.
    """
    nobody = np.zeros(len(rows), dtype=np.bool_)
    if not share:
        return nobody, nobody
    words = _words_alone(texts, rows)
    keys = [
        text if document == NO_DOCUMENT else b"document %d" % document
        for text, document in zip(words, documents.tolist(), strict=True)
    ]
    judges = np.array([fraction_of(key) < share for key in keys], dtype=np.bool_)
    systems = {text for text, taken in zip(words, judges, strict=True) if not taken}
    also = np.array([text in systems for text in words], dtype=np.bool_) & judges
    judges &= ~also
    if judges.sum() < FEWEST or judges.all():
        return nobody, nobody
    return judges, also


def record(share: float, judges: npt.NDArray[Any], documents: npt.NDArray[Any]) -> dict[str, Any]:
    """Return what the manifest says of the division."""
    known = documents != NO_DOCUMENT
    by = "document" if known.all() else "document or words" if known.any() else "words"
    return {"share": share if judges.any() else 0.0, "by": by, "sentences": int(judges.sum())}


def _words_alone(texts: EncodedTexts, rows: Rows) -> list[bytes]:
    """Return each sentence without punctuation; one of punctuation alone as it is."""
    names = [name.encode() for name in texts.vocabulary.words]
    is_word = [any(letter.isalnum() for letter in name) for name in texts.vocabulary.words]
    sentences = texts.packed.at(rows)
    found = []
    for start, end in zip(
        sentences.offsets[:-1].tolist(), sentences.offsets[1:].tolist(), strict=True
    ):
        ids = sentences.tokens[start : end - 1].tolist()  # the last one is <eos>
        found.append(b" ".join([names[i] for i in ids if is_word[i]] or [names[i] for i in ids]))
    return found
