"""Hugging Face datasets as corpora: of the hub by their names, or saved in a folder."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arae_toolkit.data_prep.readers.outside_rows import OutsideRows, Split
from arae_toolkit.data_prep.readers.yahoo import CLASSES
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.storage.atomic_files import sha256_of_file

EXTRA = "pip install 'arae-toolkit[datasets]'"
SPLIT_NAMES = {
    "train": ("train",),
    "dev": ("validation", "dev", "valid", "validation_matched"),
    "test": ("test", "validation_mismatched"),
}
"""What data sets call our splits, the likeliest first."""
PAIRS = (("premise", "hypothesis"), ("sentence1", "sentence2"))
"""What the two texts of a pair are called."""
LABEL = "label"


@dataclass(frozen=True)
class Known:
    """What is known of a data set of the hub, and checked.

    Attributes:
        rows: Of each split.
        label_field: The field of the label.
        labels: Names of its labels there, by number.
        names: What they are called here, where the hub's names say nothing.
        text_field: The field of the text unless another is asked for.
    """

    rows: Mapping[str, int]
    label_field: str
    labels: tuple[str, ...]
    names: tuple[str, ...] = ()
    text_field: str = "text"


_POLARITY = Known(
    {"train": 560_000, "test": 38_000}, LABEL, ("1", "2"), names=("negative", "positive")
)
_STARS = Known(
    {"train": 650_000, "test": 50_000},
    LABEL,
    ("1 star", "2 star", "3 stars", "4 stars", "5 stars"),
)
_TOPICS = Known(
    {"train": 1_400_000, "test": 60_000},
    "topic",
    tuple(CLASSES.values()),
    text_field="question_title",
)
KNOWN = {
    **dict.fromkeys(("yelp_polarity", "fancyzhx/yelp_polarity"), _POLARITY),
    **dict.fromkeys(("yelp_review_full", "Yelp/yelp_review_full"), _STARS),
    **dict.fromkeys(("yahoo_answers_topics", "community-datasets/yahoo_answers_topics"), _TOPICS),
}
"""Yelp and Yahoo as in Zhang et al. (2015), by the names that the hub has for them."""


def open_data_set(
    name: str, config: str | None, text_field: str | None = None, label_field: str | None = None
) -> OutsideRows:
    """Return a data set as rows to prepare a corpus from.

    Args:
        name: A folder that ``save_to_disk`` has written, or the name of a data set of the hub.
        config: Which of the configurations of one of the hub; ``None`` for its only one.
        text_field: The field of the text; that of :data:`KNOWN`, else ``text``, unless given. A
            data set with the fields of :data:`PAIRS` is one of pairs unless it is given.
        label_field: The field of the label; that of :data:`KNOWN`, else ``label`` where there is
            such a field, unless given.

    Raises:
        DataError: If there is no such data set, it lacks a field, or it is not the known one.
        ToolkitError: If the library is not installed.
    """
    known = KNOWN.get(name)
    splits = _our_splits(name, _loaded(name, config))
    features = next(iter(splits.values())).features
    if known is not None:
        _check(name, known, splits)
    pair = next((pair for pair in PAIRS if set(pair) <= set(features)), None)
    if text_field is None and known is None and pair is not None:
        texts: tuple[str, ...] = pair
    else:
        texts = (text_field or (known.text_field if known else "text"),)
    label = label_field or (known.label_field if known else LABEL if LABEL in features else None)
    for field in (*texts, *((label,) if label else ())):
        if field not in features:
            there = ", ".join(features)
            hint = "name it with --text-field or --label-field"
            raise DataError(f"no field {field!r}; there are {there}", path=name, hint=hint)
    names = getattr(features[label], "names", None) if label else None
    if known is not None and known.names and label == known.label_field:
        names = known.names
    rows: dict[str, Split] = {}
    for split, found in splits.items():
        rows[split] = found.select_columns([*texts, *((label,) if label else ())]).__iter__
    origins = tuple(
        {"file": f"{split}/{Path(file['filename']).name}", "sha256": _sha256(file["filename"])}
        for split, found in splits.items()
        for file in found.cache_files
    )
    return OutsideRows(
        f"hf:{name}", rows, origins, texts, label, labels=tuple(names) if names else None
    )


def _loaded(name: str, config: str | None) -> Any:
    """Return a data set, or a mapping of several by split."""
    try:
        datasets = importlib.import_module("datasets")
    except ImportError as error:
        raise ToolkitError(f"datasets is not installed; {EXTRA}") from error
    folder = Path(name).expanduser()
    try:
        if folder.is_dir():
            return datasets.load_from_disk(str(folder))
        return datasets.load_dataset(name, config)
    except (OSError, ValueError, RuntimeError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        where = "not a folder that save_to_disk wrote" if folder.is_dir() else "no such data set"
        raise DataError(f"{where} ({lines[0][:200]})", path=name) from error


def _our_splits(name: str, loaded: Any) -> dict[str, Any]:
    """Return the splits by our names; a data set without splits is train."""
    if not isinstance(loaded, Mapping):
        return {"train": loaded}
    found = {}
    for split, names in SPLIT_NAMES.items():
        for own in names:
            if own in loaded:
                found[split] = loaded[own]
                break
    if "train" not in found:
        there = ", ".join(map(str, loaded)) or "none"
        raise DataError(f"no train split, only {there}", path=name)
    return found


def _check(name: str, known: Known, splits: Mapping[str, Any]) -> None:
    """Refuse a data set of a known name that is another."""
    for split, rows in known.rows.items():
        there = len(splits[split]) if split in splits else 0
        if there != rows:
            raise DataError(f"{there:,} rows in {split}, {rows:,} are expected", path=name)
    feature = splits["train"].features.get(known.label_field)
    names = tuple(getattr(feature, "names", ()))
    if names != known.labels:
        problem = f"labels {', '.join(names) or 'none'}, {', '.join(known.labels)} are expected"
        raise DataError(problem, path=name)


def _sha256(file: str) -> str:
    return sha256_of_file(Path(file))
