"""What the files of a prepared corpus are checked for before anything is made of them."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from arae_toolkit.errors import DataError, NotFound, ToolkitError
from arae_toolkit.storage.atomic_files import sha256_of_file, write_json
from arae_toolkit.storage.json_files import check_regular, parsed_object, read_text
from arae_toolkit.storage.paths import cache_folder, is_plain_name

MANIFEST, MANIFEST_VERSION = "manifest.json", 1
SPLITS = ("train", "judges", "dev", "test")
AGAIN = "run arae-toolkit prepare again"

MOST_LABELS = int(np.iinfo(np.int16).max)
MOST_WORDS_IN_VOCABULARY = 1 << 24
MOST_TOKENS_IN_SENTENCE = 1 << 24
MOST_PIXELS = 1 << 24
MOST_ROWS = 1 << 40
MOST_FILE_BYTES = 1 << 42

_OWN_SHA256 = "manifest_sha256"


def sealed(manifest: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a manifest with the size and fingerprint of every file, and its own fingerprint."""
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256_of_file(path)}
        for path in sorted(folder.iterdir())
        if path.name != MANIFEST
    }
    sealed_part = {**_without_own(manifest), "files": files}
    return {**sealed_part, _OWN_SHA256: _sha256_of(sealed_part)}


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a corpus folder whose files have the sizes that it says.

    Raises:
        DataError: If there is none, or it is damaged, of another version, or not as
            :mod:`arae_toolkit.data_prep` writes them; or if a file is missing or of another size.
    """
    path = folder / MANIFEST
    try:
        manifest = parsed_object(read_text(path))
    except OSError as error:
        missing = DataError if folder.exists() else NotFound
        raise missing(
            "no prepared corpus here", path=folder, hint="run arae-toolkit prepare"
        ) from error
    except ValueError as error:
        raise DataError(f"no manifest of a corpus ({error})", path=path, hint=AGAIN) from error
    version = manifest.get("version")
    if version != MANIFEST_VERSION:
        other = f"corpus version {version}, this toolkit reads {MANIFEST_VERSION}"
        raise DataError(other, path=path, hint=AGAIN)
    if problem := problem_of(manifest):
        raise DataError(f"damaged manifest ({problem})", path=path, hint=AGAIN)
    for name, entry in manifest.get("files", {}).items():
        _regular(folder / name, size=entry["bytes"])
    return manifest


def problem_of(manifest: dict[str, Any]) -> str | None:
    """Return why a manifest cannot be one that was written for a corpus, or ``None``.

    Keys that are not known may be those of a later version: they are passed over.
    """
    kind, labels = manifest.get("kind"), manifest.get("labels")
    splits, pairs = manifest.get("splits"), manifest.get("pairs", {})
    files, shape = manifest.get("files", {}), manifest.get("image_shape", [1, 1])
    counted = "images" if kind == "image" else "sentences"
    rules = {
        "name": is_plain_name(manifest.get("name")),
        "kind": kind in ("text", "image"),
        "labels": _is_list_of_names(labels),
        "max_length": _is_count(manifest.get("max_length"), MOST_TOKENS_IN_SENTENCE)
        and (kind == "image" or manifest["max_length"] > 0),
        "vocab_size": _is_count(manifest.get("vocab_size", 0), MOST_WORDS_IN_VOCABULARY),
        "sha256": _is_sha256(manifest.get("sha256")),
        "splits": _are_counts(splits, counted),
        "pairs": _are_counts(pairs, "pairs"),
        "dropped": isinstance(manifest.get("dropped", {}), dict),
        "image_shape": isinstance(shape, list)
        and len(shape) == 2
        and all(_is_count(side, MOST_PIXELS) and side for side in shape),
        "files": isinstance(files, dict) and all(map(_is_file, files.items())),
    }
    if bad := [name for name, good in rules.items() if not good]:
        return f"{bad[0]!r} is missing or not what it can be"
    if _OWN_SHA256 in manifest and manifest[_OWN_SHA256] != _sha256_of(_without_own(manifest)):
        return "it does not match its fingerprint"
    return None


def check_file(folder: Path, name: str, manifest: dict[str, Any]) -> Path:
    """Return the path of a corpus's file whose content is what the manifest says.

    A content that was found right is remembered by size and times, in the cache of the user, and
    not read again. Corpora of earlier versions say nothing of their files.

    Raises:
        DataError: If the file is missing, no regular file, or of another content.
    """
    path = folder / name
    if "files" not in manifest:
        _regular(path, size=None)
        return path
    entry = manifest["files"].get(name)
    if entry is None:
        raise DataError("not in the manifest of this corpus", path=path, hint=AGAIN)
    status = _regular(path, size=entry["bytes"])
    now = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, entry["sha256"]]
    memory, known = _memory_of(folder)
    if known.get(name) != now:
        if sha256_of_file(path) != entry["sha256"]:
            raise DataError("damaged (not the content that was prepared)", path=path, hint=AGAIN)
        with suppress(ToolkitError):  # it is read again, then
            if memory is not None:
                write_json(memory, {**known, name: now})
    return path


def check_sentences(
    folder: Path,
    name: str,
    tokens: npt.NDArray[Any],
    offsets: npt.NDArray[Any],
    labels: npt.NDArray[Any] | None,
) -> None:
    """Make sure that packed sentences are such: types, shapes, and offsets that lead somewhere.

    Raises:
        DataError: If not, naming the file.
    """

    def refuse(part: str, problem: str) -> None:
        raise DataError(problem, path=folder / f"{name}.{part}.npy", hint=AGAIN)

    if tokens.ndim != 1 or tokens.dtype not in (np.uint16, np.uint32):
        refuse("tokens", f"{tokens.ndim} axes of {tokens.dtype}, one of token ids is expected")
    if offsets.ndim != 1 or offsets.dtype != np.int64 or not len(offsets):
        refuse("offsets", f"{offsets.ndim} axes of {offsets.dtype}, one of int64 is expected")
    if offsets[0] != 0 or offsets[-1] != len(tokens) or (np.diff(offsets) < 1).any():
        refuse("offsets", f"not the bounds of sentences in {len(tokens):,} tokens")
    if labels is not None and (labels.ndim != 1 or labels.dtype != np.int16):
        refuse("labels", f"{labels.ndim} axes of {labels.dtype}, one of int16 is expected")


def _regular(path: Path, *, size: int | None) -> Any:
    """Return the status of a regular file of this size."""
    try:
        check_regular(path, most_bytes=MOST_FILE_BYTES)
        status = path.stat()
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"cannot be read ({reason})", path=path, hint=AGAIN) from error
    if size is not None and status.st_size != size:
        problem = f"{status.st_size:,} bytes, {size:,} were prepared"
        raise DataError(problem, path=path, hint=AGAIN)
    return status


def _memory_of(folder: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the file that remembers what of a corpus was found right, and what it says."""
    try:
        name = hashlib.sha256(str(folder.resolve()).encode(errors="surrogatepass")).hexdigest()
        memory = cache_folder() / "checked" / f"{name[:16]}.json"
    except (ToolkitError, OSError):
        return None, {}
    try:
        return memory, parsed_object(read_text(memory))
    except (OSError, ValueError):
        return memory, {}


def _without_own(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != _OWN_SHA256}


def _sha256_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_list_of_names(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MOST_LABELS:
        return False
    return all(isinstance(name, str) for name in value) and len(set(value)) == len(value)


def _are_counts(value: object, counted: str) -> bool:
    """Return whether a value holds, for splits, how many of something each has."""
    return isinstance(value, dict) and all(
        split in SPLITS and isinstance(counts, dict) and _is_count(counts.get(counted), MOST_ROWS)
        for split, counts in value.items()
    )


def _is_file(item: tuple[object, object]) -> bool:
    name, entry = item
    if not is_plain_name(name) or not isinstance(entry, dict):
        return False
    return _is_count(entry.get("bytes"), MOST_FILE_BYTES) and _is_sha256(entry.get("sha256"))
