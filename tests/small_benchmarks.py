"""A corpus and sizes that benchmarks run on in a moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arae_toolkit.benchmarks.textbook import Sizes
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.preparation import prepare_corpus

SIZES = Sizes(embedding=12, code=10, hidden=14, noise=5, perceptron=11)


@contextlib.contextmanager
def quiet(*_: Any) -> Iterator[Any]:
    """Show no progress."""
    yield lambda n=1: None


def tiny_corpus(folder: Path) -> Corpus:
    """Prepare a corpus of 200 made-up captions, and return it."""
    options = PrepareOptions(size=200)
    prepare_corpus("synthetic", out=folder / "tiny", options=options, report=str, progress=quiet)
    return Corpus(folder / "tiny")
