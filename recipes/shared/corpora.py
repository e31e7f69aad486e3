"""The prepared corpus that a command asks for: found where it lies, or prepared first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.storage.atomic_files import write_text
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.paths import cache_folder, corpus_folder, is_plain_name

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.readers.outside_rows import OutsideRows


OUTSIDE = ("torchtext", "hf")
"""What a source begins with whose rows another library reads."""

_HOW_TO_READ = (
    "'arae-toolkit prepare' has options for how rows are read, such as --text-field, "
    "--premise-field, --encoding and --on-error"
)


def is_outside(source: str) -> bool:
    """Return whether another library reads a source.

    Example:
        >>> is_outside("hf:imdb"), is_outside("snli_1.0.zip")
        (True, False)
    """
    return source.partition(":")[0] in OUTSIDE and ":" in source


def open_outside(
    source: str, *, text_field: str | None = None, label_field: str | None = None
) -> OutsideRows:
    """Return the rows of a source that another library reads.

    Args:
        source: ``torchtext:DATASET:ROOT``, ``hf:DATASET[:CONFIG]``, or ``hf:FOLDER``.
        text_field: The field of the text in a data set of ``hf``; its own unless given.
        label_field: The same of the label.

    Raises:
        DataError: If it cannot be read.
        ToolkitError: If the library is not installed.
    """
    library, _, rest = source.partition(":")
    name, _, where = rest.partition(":")
    if library == "hf":
        from arae_toolkit.interop.datasets import open_data_set

        return open_data_set(name, where or None, text_field, label_field)
    from arae_toolkit.interop.torchtext import data_set

    if not where:
        hint = "write --source torchtext:DATASET:ROOT"
        raise DataError("no folder of torchtext's is named", path=source, hint=hint)
    return data_set(name, Path(where).expanduser())


def open_corpus(
    name: str,
    source: Path | None = None,
    *,
    part: str | None = None,
    classes: str | None = None,
    prepare: bool = True,
) -> Corpus:
    """Return the prepared corpus, preparing it where needed.

    Args:
        name: Of the corpus, or a path.
        source: Where its files are.
        part: Of yahoo: ``titles``, ``replies`` or ``both``.
        classes: Of yahoo, separated by commas.
        prepare: Whether to prepare it where that has not been done.

    Raises:
        DataError: If it cannot be prepared, or is not to be.
        click.UsageError: If ``part`` or ``classes`` is given for another corpus than yahoo.
    """
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import find_or_prepare, find_prepared

    if part is None and classes is None:
        if not prepare:
            return Corpus(find_prepared(name))
        try:
            return Corpus(find_or_prepare(name, source=source, report=say, progress=progress))
        except DataError as error:
            if error.line is None:
                raise
            from arae_toolkit.data_prep.readers.user_files import UnknownLabel

            # Its hint names options of prepare, which the commands that come here do not have.
            hint = _HOW_TO_READ
            if isinstance(error, UnknownLabel):
                hint = f"'arae-toolkit prepare {name}' has options for that: {error.hint}"
            raise error.with_hint(hint) from error
    if name != "yahoo":
        raise click.UsageError(f"--part and --classes apply to yahoo, not to {name}")
    usual = PrepareOptions()
    chosen = chosen_classes(classes)
    options = PrepareOptions(part=part or usual.part, classes=chosen or usual.classes)
    folder = corpus_folder("-".join(("yahoo", *variant_of(part, chosen))))
    if not prepare:
        return Corpus(folder)
    return prepared(name, folder, options, source=source)


def run_name(given: str, corpus: Corpus) -> str:
    """Return what the runs of a corpus are called, which is what its user calls it.

    That is the name of a prepared folder of the user's own, and else the corpus's.

    Args:
        given: The corpus as it was named on the command line.
        corpus: What that has opened.
    """
    from arae_toolkit.data_prep.preparation import prepared_folder

    folder = Path(given).resolve()
    with suppress(ToolkitError):  # no cache is known where there is no home folder
        if folder.parent == corpus_folder(corpus.name).parent.resolve():
            return corpus.name  # prepared there by its name, or with a few letters behind it
    return folder.name if prepared_folder(given) and folder.name else corpus.name


def corpus_of_run(run: str | None, name: str | None, *, prepare: bool = True) -> Corpus:
    """Return the corpus of this name, or the one that a run was trained on.

    Args:
        run: Its name or folder.
        name: Of the corpus, in place of the run's own.
        prepare: Whether a corpus that is not prepared is prepared now.

    Raises:
        ToolkitError: If there is no such run.
        DataError: If the corpus is not found.
    """
    trained_on = {} if run is None else _trained_on(find_run(run))
    wanted = name or _still_there(trained_on) or trained_on.get("name")
    if wanted is None:
        raise DataError("does not name its corpus", path=run, hint="name it with --corpus")
    try:
        corpus = open_corpus(str(wanted), prepare=prepare)
    except DataError as error:
        if name is not None:
            raise
        raise DataError(
            f"the corpus of this run, {wanted!r}, is not found ({error.problem})",
            path=run,
            hint="name its prepared folder with --corpus",
        ) from error
    if trained_on.get("sha256") not in (None, corpus.sha256):
        say(
            f"arae-toolkit: warning: {run} was trained on another corpus than {corpus.folder}; "
            "what is held out there may be what it has learned"
        )
    return corpus


def _trained_on(folder: Path) -> dict[str, Any]:
    """Return what a run says of its corpus: itself, or the first of the models that it averages.

    Raises:
        DataError: If it has no configuration, or a damaged one.
    """
    path = folder / "config.json"
    try:
        config = read_object(path)
        if members := [name for name in config.get("members") or () if is_plain_name(name)]:
            path = folder / members[0] / "config.json"
            config = read_object(path)
        # Earlier versions kept no more than the fingerprint of some runs' corpora.
        sha256 = dict(config.get("run") or {}).get("corpus")
        return dict(config.get("corpus") or ({"sha256": sha256} if sha256 else {}))
    except (OSError, ValueError, TypeError) as error:
        raise DataError("not the configuration of a run", path=path) from error


def remember(corpus: Corpus) -> None:
    """Note in the cache where a corpus lies, to find it again by its content.

    A model's folder names no place of the machine that made it. Where nothing can be noted, the
    corpus is named by hand later on.
    """
    with suppress(OSError, ToolkitError):
        write_text(_note_of(corpus.sha256), str(corpus.folder.resolve()))


def _note_of(sha256: str) -> Path:
    return cache_folder() / "corpora-by-content" / sha256[:32]


def _still_there(trained_on: Mapping[str, Any]) -> str | None:
    """Return the folder that a run was trained from, if it still holds the same corpus."""
    from arae_toolkit.data.corpus import Corpus

    sha256, folder = trained_on.get("sha256"), trained_on.get("folder")  # models of old name it
    if isinstance(sha256, str) and is_plain_name(sha256) and not isinstance(folder, str):
        with suppress(OSError, ValueError, ToolkitError):  # none, or not one of ours
            folder = _note_of(sha256).read_text(encoding="utf-8")
    if not isinstance(folder, str):
        return None
    try:
        same = Corpus(Path(folder)).sha256 == sha256
    except DataError:
        return None
    return folder if same else None


def prepared(name: str, out: Path, options: PrepareOptions, **more: Any) -> Corpus:
    """Return a corpus prepared with these options into a folder, unless it lies there already."""
    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.data_prep.preparation import prepare_corpus

    folder = prepare_corpus(name, out=out, options=options, report=say, progress=progress, **more)
    corpus = Corpus(folder)
    remember(corpus)
    return corpus


def open_pairs(name: str, *, measured: Sequence[str] = ()) -> Corpus:
    """Return a corpus with pairs, preparing it where that has not been done.

    Args:
        name: Of the corpus, a prepared folder, or a file of pairs.
        measured: Splits of which some pairs must have a label; train must have two labels then.

    Raises:
        DataError: If it has no pairs, or not the labels that are needed.
    """
    corpus = open_corpus(name)
    if not corpus.manifest.get("pairs"):
        raise DataError(
            "a corpus without pairs",
            path=corpus.folder,
            hint="see prepare --premise-field, or use snli or synthetic",
        )
    if measured:
        _check_pair_labels(corpus, measured)
    remember(corpus)
    return corpus


def _check_pair_labels(corpus: Corpus, measured: Sequence[str]) -> None:
    """Refuse pairs from which no classifier can learn, or on which none can be measured.

    Raises:
        DataError: Saying which labels there are.
    """

    def labels_of(split: str) -> list[str]:
        counts = corpus.manifest["pairs"].get(split, {}).get("labels", {})
        return [label for label, count in counts.items() if count]

    known = labels_of("train")
    if len(known) < 2:
        problem = "no labelled pair in train"
        if known:
            problem = f"one label only in train, {known[0]!r}, and two are needed"
        hint = "see prepare --label-field and --labels-map"
        raise DataError(problem, path=corpus.folder, hint=hint)
    for split in measured:
        if not labels_of(split):
            problem = f"no labelled pair in {split}, on which the classifier is measured"
            raise DataError(problem, path=corpus.folder, hint=f"see prepare --{split}-share")


def chosen_classes(asked: str | None) -> tuple[str, ...]:
    """Return the classes that an option names, separated by commas; none for none.

    Example:
        >>> chosen_classes("science, politics,")
        ('science', 'politics')
    """
    return tuple(name.strip() for name in (asked or "").split(",") if name.strip())


def variant_of(part: str | None, classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a folder's name says of a part and classes of yahoo.

    Example:
        >>> variant_of("titles", ("science", "sports"))
        ('titles', 'science', 'sports')
    """
    return (*((part,) if part else ()), *(name.replace(" ", "-") for name in classes))
