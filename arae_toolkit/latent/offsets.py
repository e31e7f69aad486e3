"""Figure 5 as a whole: offset vectors of words, their settings chosen on dev, and what they reach.

The measures themselves are computed in :mod:`arae_toolkit.latent.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.data.vocabulary import UNKNOWN
from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.latent.arithmetic import (
    CONTROLS,
    DECODINGS,
    Originals,
    Scores,
    Transform,
    Trial,
    best_trial,
    draw_originals,
    have_word,
    length_matched,
    measure_transform,
    offset_between,
    try_settings,
)
from arae_toolkit.latent.spaces import Space, SpaceName
from arae_toolkit.models.arae import ARAE

DEV_SENTENCES = 50
"""Of these, for each transform, temperature and scale are chosen."""
GENERATED = 20_000
"""Through noise, the sides are picked from so many generated sentences."""
EXAMPLES = 3
MEAN = "mean"
"""Name of the mean over the transforms."""
RULE = (
    "temperature and scale: the highest harmonic mean, over dev, of precision and of the match % "
    "above that without an offset"
)

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far a loop over so many steps is."""
Sides = Callable[[str], tuple[Tensor, Tensor]]
"""Returns the points of sentences with a word, and of as many without. Shape (M, D) each."""


Keep = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]
"""Returns what is computed for a name, or what was kept of it, as JSON holds it."""


def _afresh(name: str, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Keep nothing."""
    return compute()


def _silent(title: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """Show nothing."""
    return nullcontext(lambda _: None)


def word_transforms(
    model: ARAE,
    space: Space,
    corpus: Callable[[], Corpus],
    words: Sequence[str],
    *,
    through: SpaceName = "codes",
    most: int = 5000,
    seed: int = 0,
    note: Callable[[str], None] = lambda _: None,
) -> list[Transform]:
    """Return the transforms that bring words in, an offset for each.

    Args:
        model: Encodes.
        space: Where the offset is added.
        corpus: Returns the corpus whose train split has the sides; through noise it is not asked.
        words: To be brought in.
        through: The name of the space.
        most: Sentences of a side.
        seed: Fixes what is drawn.
        note: Told in a line how many sentences a side has.

    Raises:
        DataError: If a side has no sentence.
        ToolkitError: If no generated sentence has a word.
    """
    sides: Sides
    if through == "noise":
        sides = _sides_of_noise(model, space, most=most, seed=seed)
    else:
        sides = partial(_sides_of_corpus, model, corpus(), most=most, seed=seed)
    transforms = []
    for word in words:
        first, second = sides(word)
        note(f"{word}: {len(first):,} sentences with the word, as many without")
        transforms.append(Transform(word, (word,), offset_between(first, second)))
    return transforms


def _sides_of_corpus(
    model: ARAE, corpus: Corpus, word: str, *, most: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Return the codes of both sides, from the train split."""
    train = corpus.split("train")
    number = corpus.vocabulary.id_of(word)
    held = have_word(train, number)
    if number == UNKNOWN or not held.any():
        raise DataError(f"no sentence of train has the word {word!r}", path=corpus.folder)
    rows = length_matched(train.lengths, held, most=most, seed=seed)
    if not len(rows[0]):
        raise DataError(f"every sentence as long as those with {word!r} has it", path=corpus.folder)
    first, second = (texts_of(train.at(part), corpus.vocabulary) for part in rows)
    return model.encode(first), model.encode(second)


def _sides_of_noise(model: ARAE, space: Space, *, most: int, seed: int) -> Sides:
    """Return what gives the noise of both sides, from sentences that the model generates."""
    generator = torch.Generator(model.device).manual_seed(seed)
    points = space.draw(GENERATED, generator=generator)
    words = [text.split() for text in model.decode(space.codes(points))]
    lengths = np.array([len(each) for each in words])

    def sides(word: str) -> tuple[Tensor, Tensor]:
        held = np.array([word in each for each in words])
        rows = length_matched(lengths, held, most=most, seed=seed)
        if not len(rows[0]):
            raise ToolkitError(
                f"none of {GENERATED:,} generated sentences has the word {word!r}; move "
                "through codes, or name another word"
            )
        first, second = (points[torch.from_numpy(part)] for part in rows)
        return first, second

    return sides


@dataclass(frozen=True)
class Settings:
    """How decodings are sampled and offsets scaled, and how that was chosen.

    Attributes:
        temperature: Of sampling.
        scale: Times the offset.
        trials: What was tried on dev; empty where there was nothing to choose.
    """

    temperature: float
    scale: float
    trials: Sequence[Trial] = ()


def settings_on_dev(
    model: ARAE,
    space: Space,
    transforms: Sequence[Transform],
    corpus: Callable[[], Corpus],
    *,
    temperatures: Sequence[float],
    scales: Sequence[float] = (1.0,),
    decodings: int = DECODINGS,
    seed: int = 0,
    progress: Progress = _silent,
    keep: Keep = _afresh,
) -> Settings:
    """Return the settings that are best on dev, or those given where there is but one of each.

    What has been tried at each temperature is kept by ``keep``.

    Raises:
        DataError: If dev has no sentence without a transform's words.
    """
    if len(temperatures) == len(scales) == 1:
        return Settings(temperatures[0], scales[0])

    @cache
    def originals() -> dict[str, Originals]:
        held_out = corpus()
        return {
            transform.name: _dev_originals(model, space, held_out, transform.words, seed=seed)
            for transform in transforms
        }

    def tried(temperature: float, advance: Callable[[int], None]) -> dict[str, Any]:
        found = try_settings(
            *(model, space, originals(), transforms),
            temperatures=[temperature],
            scales=scales,
            decodings=decodings,
            seed=seed,
            advance=advance,
        )
        return {"trials": [asdict(trial) for trial in found]}

    trials: list[Trial] = []
    # Decoding without an offset knows no scale.
    total = len(temperatures) * (1 + len(scales)) * len(transforms)
    with progress("choosing temperature and scale on dev", total) as advance:
        for temperature in temperatures:
            kept = keep(f"dev at {temperature:g}", partial(tried, temperature, advance))
            trials += [Trial(**trial) for trial in kept["trials"]]
    best = best_trial(trials)
    return Settings(best.temperature, best.scale, trials)


def _dev_originals(
    model: ARAE, space: Space, corpus: Corpus, words: Sequence[str], *, seed: int
) -> Originals:
    """Return some sentences of dev that have none of the words.

    Raises:
        DataError: If there is none.
    """
    dev = corpus.split("dev")
    if not len(dev):
        raise DataError(
            "no dev split to choose the temperature on",
            path=corpus.folder,
            hint="give one --temperature and one --scale",
        )
    held = np.any([have_word(dev, corpus.vocabulary.id_of(word)) for word in words], axis=0)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~held))[:DEV_SENTENCES]
    if not len(rows):
        raise DataError(f"every sentence of dev has {words[0]!r}", path=corpus.folder)
    texts = texts_of(dev.at(rows), corpus.vocabulary)
    return Originals(texts, space.points_of(model.encode(texts)).points)


def measure_offsets(
    model: ARAE,
    space: Space,
    transforms: Sequence[Transform],
    settings: Settings,
    *,
    count: int,
    decodings: int = DECODINGS,
    seed: int = 0,
    progress: Progress = _silent,
    keep: Keep = _afresh,
) -> dict[str, Any]:
    """Return what each transform reaches on generated sentences, as JSON holds it (Figure 5).

    Args:
        model: Decodes.
        space: Where offsets are added, and sentences are generated.
        transforms: At least one.
        settings: How decodings are sampled and offsets scaled.
        count: Generated sentences, changed by each transform.
        decodings: For each sentence.
        seed: Fixes what is drawn.
        progress: Shows how many transforms are measured.
        keep: Given the name of each transform and what measures it.

    Raises:
        ToolkitError: If the model writes too few distinct sentences.
    """

    def reached(transform: Transform) -> dict[str, Any]:
        # Deviation: what has the word already is left out, as no offset has to bring it.
        originals = draw_originals(model, space, count, without=transform.words, seed=seed)
        scores = measure_transform(
            *(model, space, originals, transform),
            temperature=settings.temperature,
            scale=settings.scale,
            decodings=decodings,
            seed=seed,
        )
        return {
            "offset_norm": float(transform.offset.norm()),
            **{name: _figures(each) for name, each in scores.items()},
            "examples": _examples(originals.texts, scores["offset"]),
        }

    found: dict[str, Any] = {}
    with progress("changing sentences", len(transforms)) as advance:
        for transform in transforms:
            found[transform.name] = keep(transform.name, partial(reached, transform))
            advance(1)
    return {
        "temperature": settings.temperature,
        "scale": settings.scale,
        "tried_on_dev": [{**asdict(trial), "merit": trial.merit} for trial in settings.trials],
        "transforms": found,
        MEAN: {
            control: {
                key: _mean([each[control][key] for each in found.values()])
                for key in ("match", "precision")
            }
            for control in CONTROLS
        },
    }


def _figures(scores: Scores) -> dict[str, float | None]:
    """Return both columns of Figure 5, no precision where nothing matches."""
    precision = scores.mean_precision
    return {
        "match": scores.match_percent,
        "precision": None if precision != precision else precision,
    }


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of those values that there are."""
    there = [value for value in values if value is not None]
    return sum(there) / len(there) if there else None


def _examples(originals: Sequence[str], scores: Scores) -> list[dict[str, Any]]:
    """Return the first sentences and what became of them, failures included."""
    return [
        {"text": text, "output": output or None, "matches": int(matches)}
        for text, output, matches in zip(
            originals[:EXAMPLES], scores.outputs, scores.matches, strict=False
        )
    ]
