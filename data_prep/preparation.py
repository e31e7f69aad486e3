"""Preparation of a corpus, known by name or path, from its source files to its folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data.corpus_checks import MANIFEST, MANIFEST_VERSION, sealed
from arae_toolkit.data_prep.corpus_folder import (
    check_replaceable,
    prepared_manifest,
    recover,
    written_whole,
)
from arae_toolkit.data_prep.image_corpus import ImageSource, write_image_corpus
from arae_toolkit.data_prep.options import CORPORA, EMBEDDED, PrepareOptions
from arae_toolkit.data_prep.readers import mnist, snli, user_files, yahoo, yelp
from arae_toolkit.data_prep.readers.digits import Digits
from arae_toolkit.data_prep.readers.downloads import Progress
from arae_toolkit.data_prep.readers.outside_rows import OutsideRows
from arae_toolkit.data_prep.readers.source_files import SourceTree, find_source
from arae_toolkit.data_prep.readers.source_rows import RowLog, TextRows
from arae_toolkit.data_prep.text_corpus import write_text_corpus
from arae_toolkit.errors import DataError, NotFound
from arae_toolkit.storage.atomic_files import sha256_of_bytes, write_json
from arae_toolkit.storage.paths import corpus_folder, is_plain_name
from arae_toolkit.version import __version__

Report = Callable[[str], None]
"""Told in one line what is done."""

_READERS: dict[str, Callable[[SourceTree, PrepareOptions], TextRows | ImageSource]] = {
    "snli": snli.rows,
    "yelp": yelp.rows,
    "yahoo": yahoo.rows,
    "mnist": mnist.files,
}
DIGITS = "digits"
_GENERATOR = "arae_toolkit.data_prep.synthetic"
"""What manifests call the generator of the synthetic corpora. It may not change: folders whose
manifest says anything else count as outdated."""
_CONTENT = ("files", "labels")
"""What of a manifest says whether a corpus is the same."""
_MOST_SHOWN = 60
"""Characters of an option's value in a message."""


def prepare_corpus(
    name: str,
    *,
    source: Path | None = None,
    out: Path | None = None,
    options: PrepareOptions | None = None,
    outside: OutsideRows | None = None,
    report: Report,
    progress: Progress,
) -> Path:
    """Prepare a corpus and return its folder; do nothing if it is up to date.

    The folder appears when all is done: a preparation that fails or is killed leaves an earlier one
    as it was.

    Args:
        name: One of :data:`~arae_toolkit.data_prep.options.CORPORA`, or the path of a file of texts
            or pairs, or of a folder or ``.zip`` archive with such files.
        source: Folder or archive with the files of a corpus known by name. By default they are
            looked for, see :func:`~arae_toolkit.data_prep.readers.source_files.find_source`.
        out: Where to write, by default :func:`default_folder`.
        options: See :class:`~arae_toolkit.data_prep.options.PrepareOptions`.
        outside: Rows that another library reads; ``name`` is then what the corpus is to be called.
        report: Told what is done, and of the first bad rows that are skipped.
        progress: Shows how far it is.

    Raises:
        DataError: If the sources are not found or cannot be used, or if ``out`` holds anything
            but an earlier preparation of the same corpus.
    """
    options = options or PrepareOptions()
    if outside is None:
        folder, title = out or default_folder(name), title_of(name)
        check_replaceable(folder, title)
        tree = _source_tree(name, source, report, progress)
        found, sources = _found_files(name, tree, options)
        for note in [] if tree is None or name in CORPORA else user_files.passed_over(tree):
            report(note)
    else:
        folder, title = out or corpus_folder(name), name
        check_replaceable(folder, title)
        found, sources = outside.text_rows(), [dict(origin) for origin in outside.origins]
    manifest: dict[str, Any] = {
        "version": MANIFEST_VERSION,
        "toolkit": __version__,
        "name": title,
        "kind": "text" if isinstance(found, TextRows) else "image",
        "options": options.effective(name),
        "sources": sources,
    }
    if _is_current(folder, manifest):
        report(f"{title} is up to date: {folder}")
        return folder
    before = prepared_manifest(folder)
    log = RowLog(skip=options.skip_bad_rows, report=report, encoding=options.encoding)
    with written_whole(folder) as temporary:
        if not isinstance(found, TextRows):
            content = write_image_corpus(temporary, found, rows=log.rows)
        else:
            content = write_text_corpus(
                temporary,
                found,
                max_length=manifest["options"]["max_length"],
                vocab_size=manifest["options"]["vocab_size"],
                min_count=options.min_count or 1,
                rare_share=options.rare_share(name),
                judges_share=manifest["options"]["judges_share"],
                held_out=options.held_out_shares(name),
                seed=options.seed,
                tokenizer=options.tokenizer,
                log=log,
                progress=progress,
            )
        for entry, file in zip(manifest["sources"], found.files, strict=False):
            entry["rows"] = log.rows[file]
        if outside is None and name not in CORPORA and Path(name).name != title:
            content["file"] = Path(name).name  # which commands take, and no folder of the machine
        manifest |= {**content, "sha256": _sha256_of_arrays(temporary)}
        manifest = sealed(manifest, temporary)
        write_json(temporary / MANIFEST, manifest)
    changes = None if before is None else _changes(before["options"], manifest["options"])
    # Options may say what was so without them, as --encoding utf-8 does: then nothing is lost.
    another = before is not None and any(before.get(key) != manifest[key] for key in _CONTENT)
    if another and not changes:
        report(
            f"{title} has changed since it was prepared, and its corpus is made anew; runs that "
            "were trained on the former one need that, and --out keeps both"
        )
    if before and changes and another:
        report(
            f"{folder}: replaces a corpus of other options ({changes}), which runs that were "
            "trained on it need; --out keeps both"
        )
    return folder


def find_or_prepare(
    name: str,
    *,
    source: Path | None = None,
    options: PrepareOptions | None = None,
    report: Report,
    progress: Progress,
) -> Path:
    """Return the prepared folder of a corpus, preparing it where that has not been done.

    A corpus that was prepared before is taken as it is, whatever options it was prepared with,
    unless ``source`` or ``options`` ask for something. ``name`` may also be a prepared folder.

    Raises:
        DataError: As for :func:`prepare_corpus`.
    """
    if (given := prepared_folder(name)) is not None:
        return given
    folder = default_folder(name)
    recover(folder)
    if source is None and options is None and prepared_manifest(folder) is not None:
        return folder
    return prepare_corpus(name, source=source, options=options, report=report, progress=progress)


def prepared_folder(name: str) -> Path | None:
    """Return the prepared folder whose path, or name among rows from outside, this is, if any."""
    if name in CORPORA:
        return None
    path = Path(name)
    if is_plain_name(name) and not path.exists():
        path = corpus_folder(name)  # of rows from outside, or none
    return path if prepared_manifest(path) is not None else None


def find_prepared(name: str) -> Path:
    """Return the prepared folder of a corpus; nothing is written.

    Raises:
        DataError: If it has not been prepared.
    """
    folder = prepared_folder(name) or default_folder(name)
    if prepared_manifest(folder) is None:
        _check_there(name)
        raise DataError(
            f"{name} is not prepared yet", path=folder, hint=f"run 'arae-toolkit prepare {name}'"
        )
    return folder


def default_folder(name: str) -> Path:
    """Return where a corpus is prepared unless its user says otherwise.

    The folder of a path has a few letters of its fingerprint, so that files of the same name in
    different places do not share one.
    """
    if name in CORPORA:
        return corpus_folder(name)
    path = Path(name).resolve()
    return corpus_folder(f"{title_of(name)}-{sha256_of_bytes(os.fsencode(path))[:8]}")


def title_of(name: str) -> str:
    """Return the name that a corpus has in its manifest: a known name, or that of the file."""
    if name in CORPORA:
        return name
    path = Path(name).resolve()
    return path.name if path.is_dir() else Path(path.name.removesuffix(".gz")).stem or path.name


def _check_there(name: str) -> None:
    """Refuse what is neither the name of a corpus nor a path.

    Raises:
        NotFound: If it is not.
    """
    if name not in CORPORA and not Path(name).exists():
        nearest = get_close_matches(name, CORPORA, n=1)
        raise NotFound(
            f"neither a corpus ({', '.join(CORPORA)}) nor a file or folder",
            path=name,
            hint=f"did you mean {nearest[0]}?" if nearest else None,
        )
    if name not in CORPORA and Path(name).is_fifo():
        problem = "a pipe, and rows are read more than once"
        raise NotFound(problem, path=name, hint="write them to a file")


def _source_tree(
    name: str, source: Path | None, report: Report, progress: Progress
) -> SourceTree | None:
    """Return the files of a corpus, which must exist; ``None`` for those that need none."""
    if name in (*EMBEDDED, DIGITS):
        return None
    if name in CORPORA:
        return SourceTree(find_source(name, source=source, report=report, progress=progress))
    _check_there(name)
    if prepared_manifest(Path(name)) is not None:
        raise DataError("already a prepared corpus", path=name, hint="use it as it is")
    return SourceTree(Path(name))


def _found_files(
    name: str, tree: SourceTree | None, options: PrepareOptions
) -> tuple[TextRows | ImageSource, list[dict[str, Any]]]:
    """Return the files of a corpus with what reads them, and the SHA-256 of each."""
    if name == DIGITS:
        digits = Digits()
        return digits, [{"file": "sklearn.datasets.load_digits", "sha256": digits.sha256}]
    if tree is None:
        from arae_toolkit.data_prep.synthetic import (
            corpora,  # here: its word lists take time to load
        )

        origin = {"file": _GENERATOR, "sha256": corpora.fingerprint(name)}
        return corpora.rows(name, options), [origin]
    found = _READERS.get(name, user_files.rows)(tree, options)
    known: dict[Path, str] = {}  # members of one archive share its fingerprint
    for file in found.files:
        if file.path not in known:
            known[file.path] = file.sha256()
    return found, [
        {"file": tree.relative(file), "sha256": known[file.path]} for file in found.files
    ]


def _is_current(folder: Path, wanted: dict[str, Any]) -> bool:
    """Return whether a folder holds what would be prepared, undamaged."""
    if prepared_manifest(folder) is None:
        return False
    try:
        corpus = Corpus(folder)
        corpus.check()
    except DataError:
        return False
    manifest = corpus.manifest
    for entry in manifest.get("sources", []):
        entry.pop("rows", None)  # known only once the files have been read
    return manifest | wanted == manifest


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return in words which options differ, and how.

    Example:
        >>> _changes({"seed": 0, "max_length": 30}, {"max_length": 15, "seed": 0, "min_count": 2})
        'max_length 30, now 15; min_count unset, now 2'
    """

    def shown(options: Mapping[str, Any], name: str) -> str:
        value = options.get(name)
        if isinstance(value, Mapping):  # as --labels-map is written
            value = ",".join(f"{key}={one}" for key, one in value.items())
        return "unset" if value is None else f"{value}"[:_MOST_SHOWN]

    names = dict.fromkeys((*now, *before))
    changed = [name for name in names if before.get(name) != now.get(name)]
    return "; ".join(f"{name} {shown(before, name)}, now {shown(now, name)}" for name in changed)


def _sha256_of_arrays(folder: Path) -> str:
    """Return one fingerprint of all packed arrays: their names and contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.npy")):
        digest.update(path.name.encode())
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
