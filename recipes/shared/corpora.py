"""The prepared corpus that a command asks for: found where it lies, or prepared first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.errors import DataError
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.storage.paths import corpus_folder

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus


def open_corpus(
    name: str, source: Path | None = None, *, part: str | None = None, classes: str | None = None
) -> Corpus:
    """Return the prepared corpus, preparing it where needed.

    Args:
        name: Of the corpus, or a path.
        source: Where its files are.
        part: Of yahoo: ``titles``, ``replies`` or ``both``.
        classes: Of yahoo, separated by commas.

    Raises:
        click.UsageError: If ``part`` or ``classes`` is given for another corpus than yahoo.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import find_or_prepare

    if part is None and classes is None:
        return Corpus(find_or_prepare(name, source=source, report=say, progress=progress))
    if name != "yahoo":
        raise click.UsageError(f"--part and --classes apply to yahoo, not to {name}")
    usual = PrepareOptions()
    chosen = tuple(word.strip() for word in (classes or "").split(",") if word.strip())
    options = PrepareOptions(part=part or usual.part, classes=chosen or usual.classes)
    folder = corpus_folder("-".join(("yahoo", *variant_of(part, chosen))))
    return prepared(name, folder, options, source=source)


def prepared(name: str, out: Path, options: PrepareOptions, **more: Any) -> Corpus:
    """Return a corpus prepared with these options into a folder, unless it lies there already."""
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import prepare_corpus

    folder = prepare_corpus(name, out=out, options=options, report=say, progress=progress, **more)
    return Corpus(folder)


def open_pairs(name: str) -> Corpus:
    """Return a corpus with labelled pairs, preparing it where that has not been done.

    Raises:
        DataError: If it has no labelled pairs.
    """
    corpus = open_corpus(name)
    if not corpus.manifest.get("pairs"):
        raise DataError(
            "a corpus without labelled pairs", path=corpus.folder, hint="use snli or synthetic"
        )
    return corpus


def variant_of(part: str | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a folder's name says of a part and classes of yahoo.

    Example:
        >>> variant_of("titles", ("science", "sports"))
        ('titles', 'science', 'sports')
    """
    return (*((part,) if part else ()), *(name.replace(" ", "-") for name in classes))
