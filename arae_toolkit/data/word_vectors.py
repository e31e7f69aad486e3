"""Word vectors of others as starting values: files of GloVe, word2vec and fastText. No torch here.

One word a line, its numbers behind it, all separated by spaces; word2vec and fastText begin with a
line of two numbers, words and size. What others learned from text, a model then knows from the
start.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from arae_toolkit.data.vocabulary import PAD, Vocabulary
from arae_toolkit.errors import DataError
from arae_toolkit.storage.atomic_files import sha256_of_bytes
from arae_toolkit.storage.text_lines import open_binary, read_lines

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """Vectors for some words of a vocabulary.

    Attributes:
        ids: Which words, in rising order. Shape (K,), int64.
        vectors: Theirs. Shape (K, E), float32.
    """

    ids: npt.NDArray[np.int64]
    vectors: Vectors

    @classmethod
    def of(cls, found: dict[int, Vectors]) -> WordVectors:
        """Return the vectors of words by their ids; there must be one at least."""
        ids = sorted(found)
        return cls(np.array(ids, dtype=np.int64), np.stack([found[index] for index in ids]))

    @property
    def size(self) -> int:
        """E."""
        return int(self.vectors.shape[1])

    @property
    def sha256(self) -> str:
        """Fingerprint of the words' ids and their vectors."""
        return sha256_of_bytes(self.ids.tobytes() + self.vectors.tobytes())


def read_word_vectors(path: Path, vocabulary: Vocabulary) -> WordVectors:
    """Return the vectors that a file has for the words of a vocabulary, and hold no others.

    A word of the file is known as it is written, or else in lower case: *Paris* is *paris* where
    the file has no *paris*. The first line of a word counts.

    Args:
        path: A text file, plain, ``.gz`` or alone in a ``.zip``.
        vocabulary: The words that are wanted; padding has no vector.

    Raises:
        DataError: If the file cannot be read, a line is no word with as many numbers as the first
            one, or no word of the vocabulary is in it.
    """
    wanted = {word: index for index, word in enumerate(vocabulary.words) if index != PAD}
    found: dict[int, Vectors] = {}
    exact: set[int] = set()
    size = 0
    with open_binary(path) as stream:
        # A line that is no text holds no word of ours.
        for number, line in read_lines(stream, path=str(path), on_bad=lambda error: None):
            parts = line.split()
            if not parts or (number == 1 and len(parts) == 2 and all(map(str.isdecimal, parts))):
                size = int(parts[1]) if parts else size
                continue
            size = size or len(parts) - 1
            word = " ".join(parts[:-size]) if size else ""  # some words of GloVe hold spaces
            if not word:
                problem = f"{len(parts) - 1} numbers, {size} are expected" if size else "no vector"
                hint = "a word a line, its numbers behind it"
                raise DataError(problem, path=path, line=number, hint=hint)
            index = wanted.get(word)
            if index is None:
                index = wanted.get(word.lower())
                if index is None or index in found:
                    continue
            elif index in exact:
                continue
            else:
                exact.add(index)
            found[index] = _numbers(parts[-size:], path, number)
    if not found:
        raise DataError(f"no vector for any of {len(vocabulary):,} words", path=path)
    return WordVectors.of(found)


def _numbers(parts: list[str], path: Path, line: int) -> Vectors:
    """Return the numbers of one line."""
    try:
        vector = np.array(parts, dtype=np.float32)
    except ValueError as error:
        raise DataError(f"not a vector ({error})", path=path, line=line) from error
    if not np.isfinite(vector).all():
        raise DataError("a vector that is not finite", path=path, line=line)
    return vector
