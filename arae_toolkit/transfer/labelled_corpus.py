"""Labelled corpora: the check for one, and the record of one in a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arae_toolkit.config.overrides import Sections, to_dict
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import DataError


def labelled_part(corpus: Corpus) -> Corpus:
    """Return the labelled sentences of a corpus, between whose labels is transferred.

    Raises:
        DataError: If it is not text, or has fewer than two labels on sentences of train and dev.
    """
    if not corpus.labels_sentences:
        raise DataError(
            "no labelled sentences here, at least two labels are needed for transfer",
            path=corpus.folder,
        )
    return corpus.labelled()


def model_record(
    kind: str, arguments: Mapping[str, Any], config: Sections, corpus: Corpus
) -> Mapping[str, Any]:
    """Return what a model folder's configuration says of the model, its settings and corpus."""
    return {
        "kind": kind,
        "model": arguments,
        "settings": to_dict(config),
        "corpus": corpus.record,
    }
