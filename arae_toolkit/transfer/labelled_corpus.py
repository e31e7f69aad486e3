"""Labelled corpora as transfer needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError


def check_labelled(corpus: Corpus) -> None:
    """Refuse a corpus that has no attribute to transfer.

    Raises:
        DataError: If it is not text, or has fewer than two labels on its sentences.
    """
    if not corpus.labels_sentences:
        raise DataError(
            "no labelled sentences here, at least two labels are needed for transfer",
            path=corpus.folder,
        )


def corpus_record(corpus: Corpus) -> Mapping[str, Any]:
    """Return what a model folder's configuration says of the corpus."""
    return {
        "name": corpus.name,
        "folder": str(corpus.folder.resolve()),
        "sha256": corpus.sha256,
        "labels": corpus.labels,
    }
