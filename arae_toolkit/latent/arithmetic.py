"""Offset vectors (section 7, Figure 5): a vector added to a sentence's code or noise changes it.

Figure 5 measures two things. *Match %* is how many sentences have the wanted word in at least one
of 100 sampled decodings of the moved code. *Precision* is how many of a decoding's words stand in
the original, each as often at most, averaged over the decodings that match, then over sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.errors import ToolkitError
from arae_toolkit.generation.decoding import Decoding
from arae_toolkit.latent.spaces import Space

DECODINGS = 100
TEMPERATURES = (0.1, 0.3, 0.5, 0.7, 1.0)
SCALES = (1.0, 1.25, 1.5, 2.0)
CONTROLS = ("offset", "none", "random")
"""With the offset, without one, and with one of equal norm in a random direction."""

_DECODED_ROWS = 8192
_DRAWN_ROWS = 512
_MAX_FRUITLESS_BATCHES = 20


class SentenceDecoder(Protocol):
    """What makes sentences of codes, as :class:`~arae_toolkit.models.arae.ARAE` does."""

    @property
    def device(self) -> torch.device:
        """Where codes are decoded."""

    def decode(
        self,
        code: Tensor,
        *,
        decoding: Decoding | None = None,
        generator: torch.Generator | None = None,
    ) -> list[str]:
        """Return one sentence per code. Shape of ``code``: (B, Z)."""


@dataclass(frozen=True)
class Originals:
    """Sentences to be changed.

    Attributes:
        texts: N sentences.
        points: Where they lie. Shape (N, D).
    """

    texts: Sequence[str]
    points: Tensor


@dataclass(frozen=True)
class Transform:
    """A change of sentences.

    Attributes:
        name: Such as ``walking``.
        words: A decoding that has one of them matches.
        offset: What is added to a point. Shape (D,).
    """

    name: str
    words: tuple[str, ...]
    offset: Tensor


@dataclass(frozen=True)
class Scores:
    """What became of each sentence.

    Attributes:
        matches: Decodings that have the word. Shape (N,).
        precision: Mean precision of these, in percent; NaN where there is none. Shape (N,).
        outputs: Of these the one that keeps most of the original; empty where there is none.
    """

    matches: npt.NDArray[np.int64]
    precision: npt.NDArray[np.float64]
    outputs: Sequence[str]

    @property
    def match_percent(self) -> float:
        """Percent of the sentences with a decoding that matches: Figure 5's first column."""
        return float(100 * (self.matches > 0).mean())

    @property
    def mean_precision(self) -> float:
        """Mean over the sentences that match, in percent, or NaN: Figure 5's second column."""
        matched = self.precision[self.matches > 0]
        return float(matched.mean()) if len(matched) else float("nan")


def unigram_precision(output: str, original: str) -> float:
    """Return the percent of an output's words that the original has, each as often at most.

    Example:
        >>> unigram_precision("a man is walking a dog", "a man is sleeping")
        50.0
    """
    words = output.split()
    if not words:
        return 0.0
    return 100 * (Counter(words) & Counter(original.split())).total() / len(words)


def length_matched(
    lengths: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], *, most: int, seed: int
) -> tuple[Indices, Indices]:
    """Return rows of two sides with the same number of sentences of each length.

    Otherwise the offset would also say that sentences with a word are longer.

    Args:
        lengths: Of all sentences. Shape (N,).
        chosen: Which of them are of the first side; all others may be of the second. Shape (N,).
        most: Rows of a side.
        seed: Fixes the choice.

    Returns:
        Row numbers of both sides. Each of shape (M,), M at most ``most``.
    """
    random = np.random.default_rng(seed)
    first = random.permutation(np.flatnonzero(chosen))[:most]
    others = random.permutation(np.flatnonzero(~chosen))
    kept, second = [], []
    for length in np.unique(lengths[first]):
        same = first[lengths[first] == length]
        like = others[lengths[others] == length]
        count = min(len(same), len(like))
        kept.append(same[:count])
        second.append(like[:count])
    empty = np.zeros(0, dtype=np.int64)
    return np.concatenate([empty, *kept]), np.concatenate([empty, *second])


def have_word(sentences: PackedSentences, word: int) -> npt.NDArray[np.bool_]:
    """Return which sentences hold a word, by its id. Shape (N,)."""
    held = np.asarray(sentences.tokens) == word
    return np.logical_or.reduceat(held, np.asarray(sentences.offsets[:-1]))


def offset_between(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean of the first points less that of the second. Shapes (M, D) to (D,)."""
    return first.mean(dim=0) - second.mean(dim=0)


def draw_originals(
    model: SentenceDecoder,
    space: Space,
    count: int,
    *,
    without: Collection[str] = (),
    seed: int,
) -> Originals:
    """Draw distinct sentences that have none of some words: to put in what is there is no change.

    Args:
        model: Decodes them, greedily.
        space: Where they are drawn.
        count: N.
        without: Words.
        seed: Same seed, same sentences.

    Raises:
        ToolkitError: If no more turn up.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    found: dict[str, Tensor] = {}
    fruitless = 0
    while len(found) < count:
        points = space.draw(_DRAWN_ROWS, generator=generator)
        before = len(found)
        for text, point in zip(model.decode(space.codes(points)), points, strict=True):
            if len(found) < count and not set(without) & set(text.split()):
                found.setdefault(text, point)
        fruitless = fruitless + 1 if len(found) == before else 0
        if fruitless == _MAX_FRUITLESS_BATCHES:
            raise ToolkitError(
                f"only {len(found):,} distinct generated sentences without "
                f"{' and '.join(without) or 'repetition'}; ask for fewer"
            )
    return Originals(list(found), torch.stack(list(found.values())))


def score_decodings(
    model: SentenceDecoder,
    codes: Tensor,
    originals: Sequence[str],
    *,
    words: Collection[str],
    temperature: float,
    decodings: int = DECODINGS,
    seed: int = 0,
) -> Scores:
    """Decode each code many times and score what matches.

    Args:
        model: Decodes.
        codes: Of the changed sentences. Shape (N, Z).
        originals: What they were before.
        words: A decoding that has one of them matches.
        temperature: Of sampling.
        decodings: For each code; the paper's number is 100.
        seed: Fixes the sampling.
    """
    generator = torch.Generator(model.device).manual_seed(seed)
    decoding = Decoding(method="sample", temperature=temperature)
    matches, precision, outputs = [], [], []
    rows = max(1, _DECODED_ROWS // decodings)
    for start in range(0, len(codes), rows):
        block = codes[start : start + rows].repeat_interleave(decodings, dim=0)
        decoded = model.decode(block, decoding=decoding, generator=generator)
        for number, original in enumerate(originals[start : start + rows]):
            mine = decoded[number * decodings : (number + 1) * decodings]
            # Deviation: the paper looks for the word as main verb, subject or modifier of a parse.
            matching = [text for text in mine if not set(words).isdisjoint(text.split())]
            kept = [unigram_precision(text, original) for text in matching]
            matches.append(len(matching))
            precision.append(float(np.mean(kept)) if kept else float("nan"))
            outputs.append(matching[int(np.argmax(kept))] if kept else "")
    return Scores(np.array(matches, dtype=np.int64), np.array(precision), outputs)


def moved(space: Space, points: Tensor, offset: Tensor, *, scale: float = 1.0) -> Tensor:
    """Return the codes of points to which an offset is added. Shapes (N, D), (D,) to (N, Z)."""
    return space.codes(points + scale * offset)


def random_offsets(offset: Tensor, count: int, *, seed: int) -> Tensor:
    """Return vectors of an offset's norm in random directions. Shape (D,) to (count, D)."""
    generator = torch.Generator(offset.device).manual_seed(seed)
    shape = (count, len(offset))
    drawn = torch.randn(shape, generator=generator, device=offset.device, dtype=offset.dtype)
    scaled: Tensor = drawn * (offset.norm() / drawn.norm(dim=1, keepdim=True))
    return scaled


def measure_transform(
    model: SentenceDecoder,
    space: Space,
    originals: Originals,
    transform: Transform,
    *,
    temperature: float,
    scale: float = 1.0,
    decodings: int = DECODINGS,
    seed: int = 0,
    controls: Sequence[str] = CONTROLS,
) -> dict[str, Scores]:
    """Measure a transform beside its controls, by the names of :data:`CONTROLS`.

    A word can turn up by chance in 100 samples, and any push of the code brings other words: the
    offset has to do better than both.

    Args:
        model: Decodes.
        space: Where the offset is added.
        originals: Sentences without the words.
        transform: The change.
        temperature: Of sampling, the same for all.
        scale: Times the offset.
        decodings: For each sentence.
        seed: Fixes random directions and sampling.
        controls: Which to measure.
    """
    count = len(originals.texts)
    offsets = {
        "offset": transform.offset,
        "none": torch.zeros_like(transform.offset),
        "random": random_offsets(transform.offset, count, seed=seed),
    }
    return {
        name: score_decodings(
            model,
            moved(space, originals.points, offsets[name], scale=scale),
            originals.texts,
            words=transform.words,
            temperature=temperature,
            decodings=decodings,
            seed=seed,
        )
        for name in controls
    }


@dataclass(frozen=True)
class Trial:
    """What a temperature and a scale reach on dev, mean over the transforms, in percent.

    Attributes:
        temperature: Of sampling.
        scale: Times the offset.
        match: Match % with the offset.
        match_without: The same without an offset.
        precision: Mean precision with the offset.
    """

    temperature: float
    scale: float
    match: float
    match_without: float
    precision: float

    @property
    def merit(self) -> float:
        """Harmonic mean of what the offset adds to the matches, and of the precision."""
        gained = max(0.0, self.match - self.match_without)
        total = gained + self.precision
        return 2 * gained * self.precision / total if gained and total else 0.0


def try_settings(
    model: SentenceDecoder,
    space: Space,
    originals: Mapping[str, Originals],
    transforms: Sequence[Transform],
    *,
    temperatures: Sequence[float],
    scales: Sequence[float],
    decodings: int = DECODINGS,
    seed: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> list[Trial]:
    """Try every temperature and scale on sentences of dev; the best :attr:`Trial.merit` counts.

    Args:
        model: Decodes.
        space: Where offsets are added.
        originals: By the name of the transform, sentences without its words.
        transforms: The changes.
        temperatures: To be tried.
        scales: To be tried.
        decodings: For each sentence.
        seed: Fixes the sampling.
        advance: Told that one more transform is measured, with an offset or without.
    """
    trials = []
    for temperature in temperatures:

        def tried(
            control: str, *, scale: float = 1.0, temperature: float = temperature
        ) -> list[Scores]:
            found = []
            for transform in transforms:
                scores = measure_transform(
                    *(model, space, originals[transform.name], transform),
                    temperature=temperature,
                    scale=scale,
                    decodings=decodings,
                    seed=seed,
                    controls=(control,),
                )
                found.append(scores[control])
                advance(1)
            return found

        match_without = np.mean([scores.match_percent for scores in tried("none")])
        for scale in scales:
            found = tried("offset", scale=scale)
            precisions = [scores.mean_precision for scores in found]
            trials.append(
                Trial(
                    temperature,
                    scale,
                    match=float(np.mean([scores.match_percent for scores in found])),
                    match_without=float(match_without),
                    precision=float(np.nan_to_num(precisions).mean()),
                )
            )
    return trials


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the trial of the highest merit, of several the first."""
    return max(trials, key=lambda trial: trial.merit)
