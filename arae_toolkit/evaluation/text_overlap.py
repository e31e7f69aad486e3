"""Overlap and variety of sets of sentences: BLEU, copies, distinct n-grams.

Sentences are compared by their words, as the toolkit's tokenizer splits them, whatever the spacing
and letter case of their source.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeVar

from sacrebleu.metrics.bleu import BLEU
from tokenizers import Regex, normalizers, pre_tokenizers

from arae_toolkit.data.text_normalization import normalized
from arae_toolkit.data.vocabulary import WORD_PATTERN

Word = TypeVar("Word", str, int)

# Those of a vocabulary (Python's own regular expressions see combining marks in another way).
_LOWERCASE = normalizers.Lowercase()
_WORDS = pre_tokenizers.Split(Regex(f"(?i){WORD_PATTERN}"), behavior="removed", invert=True)


@dataclass(frozen=True)
class CorpusBleu:
    """BLEU of a set of outputs.

    Attributes:
        score: From 0 to 100.
        signature: Every setting that moves it, in sacrebleu's form.
    """

    score: float
    signature: str


def words_of(text: str) -> str:
    """Return a text's words as a vocabulary splits them, lower-cased, separated by spaces.

    Text that is split already stays as it is. Words that a vocabulary lacks stay, too.

    Example:
        >>> words_of("It isn’t  BAD, really!")
        "it is n't bad , really !"
    """
    words = _WORDS.pre_tokenize_str(_LOWERCASE.normalize_str(normalized(text)))
    return " ".join(word for word, _ in words)


def corpus_bleu(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> CorpusBleu:
    """Return BLEU over all outputs together (Papineni et al., 2002), by sacrebleu.

    Args:
        outputs: N texts. They are compared as they are: apply :func:`words_of` first.
        references: For each output, one or more texts that it is compared with.

    Raises:
        ValueError: If there is no output, or one has no reference.

    Example:
        >>> corpus_bleu(["the food was great ."], [["the food was great ."]]).score
        100.0
    """
    if not outputs or len(outputs) != len(references) or not all(references):
        raise ValueError(
            f"{len(outputs)} outputs and {len(references)} lists of references: each output needs "
            "one that is not empty"
        )
    # force: sacrebleu otherwise warns of text that is tokenized, which is what is meant here.
    metric = BLEU(lowercase=True, tokenize="none", force=True)
    streams = [list(stream) for stream in zip_longest(*references)]  # None where one has fewer
    score = metric.corpus_score(list(outputs), streams).score
    return CorpusBleu(
        min(score, 100.0), str(metric.get_signature())
    )  # rounding: 100.00000000000004


def copy_rate(outputs: Sequence[str], sources: Sequence[str]) -> float:
    """Return the percent of outputs that are their own source, word by word.

    Raises:
        ValueError: If the numbers of texts differ, or there is none.

    Example:
        >>> copy_rate(["good food", "bad food"], ["Good  food", "good food"])
        50.0
    """
    if not outputs or len(outputs) != len(sources):
        raise ValueError(f"{len(outputs)} outputs cannot be compared with {len(sources)} sources")
    same = sum(
        words_of(output) == words_of(source)
        for output, source in zip(outputs, sources, strict=True)
    )
    return 100 * same / len(outputs)


def distinct(outputs: Sequence[str], n: int) -> float:
    """Return the percent of n-grams that are different ones, over all outputs (Li et al., 2016).

    It falls with the number of outputs, so it says something only beside that of as many others.

    Args:
        outputs: Words separated by spaces.
        n: Words in an n-gram, at least 1.

    Returns:
        0 where no output has so many words.

    Raises:
        ValueError: If ``n`` is below 1.

    Example:
        >>> distinct(["a b a b"], 1), distinct(["a b", "a c", "a b"], 2)
        (50.0, 66.66666666666667)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    found = [gram for output in outputs for gram in _ngrams(output.split(), n)]
    return 100 * len(set(found)) / len(found) if found else 0.0


def mean_words(outputs: Sequence[str]) -> float:
    """Return the mean length in words.

    Raises:
        ValueError: If there is no output.

    Example:
        >>> mean_words(["a b c", "a"])
        2.0
    """
    if not outputs:
        raise ValueError("no outputs, so no mean of their words")
    return sum(len(output.split()) for output in outputs) / len(outputs)


def _ngrams(words: Sequence[Word], n: int) -> Iterator[tuple[Word, ...]]:
    return zip(*(words[start:] for start in range(n)), strict=False)


def content_bleu(source: Sequence[int], rewritten: Sequence[int]) -> float:
    """Return the sentence BLEU of a rewritten sentence to its source, from 0 to 100.

    n-grams up to 4, those that are too long for the sentence left out; a precision of 0 counts as
    half a match, halved again for each further one ("exponential" smoothing, as sacrebleu does).

    Example:
        >>> content_bleu([5, 6, 7, 2], [5, 6, 7, 2])
        100.0
        >>> content_bleu([5, 6, 7, 2], [8, 2])
        0.0
    """
    first, second = source[:-1], rewritten[:-1]
    if not second or not first:
        return 0.0
    logarithms, smoothing = [], 1.0
    for order in range(1, min(4, len(second)) + 1):
        known, found = (Counter(_ngrams(words, order)) for words in (first, second))
        matches, total = (known & found).total(), found.total()
        if not matches:
            if order == 1:
                return 0.0
            smoothing *= 2
        logarithms.append(math.log((matches or 1 / smoothing) / total))
    brevity = min(0.0, 1 - len(first) / len(second))
    return 100 * math.exp(brevity + sum(logarithms) / len(logarithms))
