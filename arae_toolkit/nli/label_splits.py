"""Splits of the labelled pairs: those whose labels a classifier may see, drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.corpus import UNLABELLED
from arae_toolkit.errors import DataError
from arae_toolkit.storage.atomic_files import sha256_of_bytes

Rows = npt.NDArray[np.int64]

SPLITS = {"tiny": 28_000, "small": 59_000, "medium": 120_000}
"""Labelled pairs of each split (section 6.3): 5.25, 10.8 and 22.2 % of SNLI."""
ALL = "full"
BALANCED, CROSS_SENTENCE = "balanced", "cs-lvm"
"""How pairs are drawn: as many of each class, or those of Choi, Kim and Lee (ACL 2019)."""
OFFICIAL_PAIRS = 550_152
"""Lines of SNLI 1.0's train file."""
RARE = 10
"""A label with so many times fewer pairs than another may be no label, but one mistyped."""
_CROSS_SENTENCE_SEED = 2019


@dataclass(frozen=True)
class LabelledRows:
    """The pairs whose labels are used.

    Attributes:
        name: ``tiny``, ``small``, ``medium``, ``full`` or a number.
        rows: Numbers of the pairs in the corpus's train split, counted from 0, rising. Shape (N,).
        seed: They were drawn with.
    """

    name: str
    rows: Rows
    seed: int

    @property
    def sha256(self) -> str:
        """Fingerprint of the row numbers, one a line: that of the same file of numbers."""
        return sha256_of_bytes("".join(f"{row}\n" for row in self.rows.tolist()).encode())


def wanted_count(name: str) -> int | None:
    """Return how many labels a name stands for, ``None`` for all there are.

    Example:
        >>> wanted_count("tiny"), wanted_count("900"), wanted_count("full")
        (28000, 900, None)

    Raises:
        ValueError: If it is neither a split nor a whole number above 0.
    """
    if name == ALL:
        return None
    if name in SPLITS:
        return SPLITS[name]
    if not name.isdecimal() or not int(name):
        known = ", ".join((*SPLITS, ALL))
        raise ValueError(f"{name!r} is none of {known}, and no whole number above 0")
    return int(name)


def choose_rows(
    labels: npt.NDArray[np.int16],
    name: str,
    *,
    names: Sequence[str],
    seed: int = 0,
    first: int = 0,
    path: Path | None = None,
) -> LabelledRows:
    """Draw labelled pairs, as many of each class; all of them, as they are, for ``full``.

    Args:
        labels: Class id of each pair of the train split, ``UNLABELLED`` where there is none.
            Shape (N,).
        name: See :class:`LabelledRows`.
        names: Label names by class id.
        seed: Same seed, same pairs. A larger split of a seed holds the smaller ones of it.
        first: Draw from the first so many pairs only; 0 draws from all. ``full`` is all the same.
        path: Of the corpus, for the error.

    Raises:
        DataError: If there are fewer labels than asked for; it says how many there are.
        ValueError: If the name is none.
    """
    pool = np.asarray(labels[:first] if first else labels)
    count = wanted_count(name)
    if count is None:
        return LabelledRows(name, np.flatnonzero(np.asarray(labels) != UNLABELLED), seed)
    of_class = [np.flatnonzero(pool == index) for index in range(len(names))]
    # What does not divide evenly goes to the first classes.
    shares = [count // len(names) + (index < count % len(names)) for index in range(len(names))]
    for index, share in enumerate(shares):
        if len(of_class[index]) < share:
            found = ", ".join(f"{len(of_class[i]):,} {names[i]}" for i in range(len(names)))
            fewest, commonest = min(map(len, of_class)), max(map(len, of_class))
            hint = f"ask for {f'at most {fewest * len(names):,}, or for ' * (fewest > 0)}full"
            if RARE * fewest < commonest:
                hint += "; a label that is mistyped becomes another by prepare --labels-map"
            place = f" among the first {first:,} pairs" if first else ""
            raise DataError(
                f"{name} needs {count:,} labelled pairs, {share:,} of each class, and there are "
                f"{sum(map(len, of_class)):,}{place} ({found})",
                path=path,
                hint=hint,
            )
    random = np.random.default_rng(seed)
    drawn = [random.permutation(rows)[:share] for rows, share in zip(of_class, shares, strict=True)]
    return LabelledRows(name, np.sort(np.concatenate(drawn)), seed)


def cross_sentence_rows(
    labels: npt.NDArray[np.int16], name: str, *, path: Path | None = None
) -> LabelledRows:
    """Return the pairs that the cross-sentence model learned from: the first of a shuffled file.

    They shuffle the lines of SNLI's official train file by Python's generator, seeded with 2019,
    and keep the first N. Lines without a label are among these, and left out here.

    Args:
        labels: Class id of each pair of the train split, in the file's order, ``UNLABELLED`` where
            there is none. Shape (N,).
        name: See :class:`LabelledRows`.
        path: Of the corpus, for the error.

    Raises:
        DataError: If the train split has not as many pairs as the official file.
        ValueError: If the name is none.
    """
    count = wanted_count(name)
    if len(labels) != OFFICIAL_PAIRS:
        raise DataError(
            f"the pairs of {CROSS_SENTENCE} are lines of SNLI's official train file, which has "
            f"{OFFICIAL_PAIRS:,}; this train split has {len(labels):,}",
            path=path,
            hint=f"prepare the whole of SNLI 1.0, or draw {BALANCED}",
        )
    order = list(range(len(labels)))
    Random(_CROSS_SENTENCE_SEED).shuffle(order)
    chosen = np.sort(np.array(order[:count], dtype=np.int64))
    labelled = np.asarray(labels)[chosen] != UNLABELLED
    return LabelledRows(name, chosen[labelled], _CROSS_SENTENCE_SEED)
