"""Reader of Yahoo Answers topics as in Zhang et al. (2015): class, title, content, answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from arae_toolkit.data.corpus import Sentence
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.data_prep.readers.source_files import SourceFile, SourceTree
from arae_toolkit.data_prep.readers.source_rows import OTHER_CLASS, RowLog, TextRows
from arae_toolkit.errors import NotFound
from arae_toolkit.storage.text_lines import read_csv

PARTS = ("titles", "replies", "both")
CLASSES = {
    "society": "Society & Culture",
    "science": "Science & Mathematics",
    "health": "Health",
    "education": "Education & Reference",
    "computers": "Computers & Internet",
    "sports": "Sports",
    "business": "Business & Finance",
    "music": "Entertainment & Music",
    "family": "Family & Relationships",
    "politics": "Politics & Government",
}
"""Our short name of each class, and its name in ``classes.txt``; the first is class 1."""

_COLUMNS = 4
_LINE_BREAK = re.compile(r"\\n|\n|<br\s*/?>", re.IGNORECASE)
_RARE_WORD = re.compile(r"\b_UNK\b")


def rows(tree: SourceTree, options: PrepareOptions) -> TextRows:
    """Return the splits of a source: ``train.csv`` and ``test.csv``. There is no dev split.

    Raises:
        DataError: If a file is missing.
        NotFound: If a chosen class is none of the corpus.
    """
    if options.part not in PARTS:
        raise ValueError(f"part must be one of {PARTS}, got {options.part!r}")
    names = tree.find("classes.txt")
    classes = chosen_classes(options.classes, _class_names(names))
    files = {split: tree.need(f"{split}.csv") for split in ("train", "test")}
    return TextRows(
        files=tuple(files.values()),
        sentences={
            split: partial(read_sentences, file, classes, options.part)
            for split, file in files.items()
        },
        labels=tuple(classes.values()),
    )


def _class_names(file: SourceFile | None) -> list[str]:
    """Return the class names of ``classes.txt``, or those of the official file."""
    if file is None:
        return list(CLASSES.values())
    names = [line.strip() for _, line in RowLog().lines(file) if line.strip()]
    if len(names) != len(CLASSES):
        raise file.error(f"{len(names)} class names, {len(CLASSES)} are expected")
    return names


def chosen_classes(asked: Sequence[str], names: Sequence[str]) -> dict[int, str]:
    """Return class number to label, in the order of the numbers.

    Args:
        asked: Short names, full names or numbers.
        names: Full names in the order of their numbers.

    Raises:
        NotFound: If one of them is no class, or none is given.

    Example:
        >>> chosen_classes(["music", "2"], list(CLASSES.values()))
        {2: 'science', 8: 'music'}
    """
    short = list(CLASSES)
    numbers = {str(number): number for number in range(1, len(short) + 1)}
    numbers |= {name.casefold(): number for number, name in enumerate(names, start=1)}
    numbers |= {name: number for number, name in enumerate(short, start=1)}
    for name in asked:
        if name.strip().casefold() not in numbers:
            known = ", ".join(short)
            raise NotFound(f"{name!r} is no class of yahoo; choose from {known}, or a number")
    if not asked:
        raise NotFound("no class of yahoo is chosen")
    chosen = {numbers[name.strip().casefold()] for name in asked}
    return {number: short[number - 1] for number in sorted(chosen)}


def read_sentences(
    file: SourceFile, classes: Mapping[int, str], part: str, log: RowLog
) -> Iterator[Sentence]:
    """Yield titles, lines of best answers, or both. Question details are not used.

    A row is one document. The official files write a line break as a backslash and an n, exports of
    them a true one: both are understood. Rare words, ``_UNK`` in some releases, become ``<unk>``.
    """
    for number, values, problem in read_csv(log.lines(file), columns=_COLUMNS):
        try:
            label, title, answer = _fields(values, problem)
        except ValueError as error:
            log.reject(file.error(str(error), line=number))
            continue
        if label not in classes:
            log.dropped[OTHER_CLASS] += 1
            continue
        texts = [] if part == "replies" else [" ".join(_LINE_BREAK.split(title))]
        if part != "titles":
            texts += _LINE_BREAK.split(answer)
        for text in texts:
            if text.strip():
                text = _RARE_WORD.sub("<unk>", text).strip()
                yield Sentence(text, classes[label], document=number)


def _fields(values: Sequence[str], problem: str | None) -> tuple[int, str, str]:
    """Return class, title and best answer of one row, or raise ValueError if it is no such row."""
    if problem is not None or not values:
        raise ValueError(problem or f"0 columns, {_COLUMNS} are expected")
    label = values[0].strip()
    if not (label.isascii() and label.isdecimal() and len(label) < 3):
        raise ValueError(f"class {label[:40]!r} is no number from 1 to {len(CLASSES)}")
    if not 1 <= int(label) <= len(CLASSES):
        raise ValueError(f"class {label} is none of 1 to {len(CLASSES)}")
    return int(label), values[1], values[3]
