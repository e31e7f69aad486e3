"""Offset vectors as ``latent arithmetic`` asks for them: their sides, and the settings for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from arae_toolkit.errors import DataError, ToolkitError
from arae_toolkit.recipes.shared.progress import progress, say
from arae_toolkit.recipes.shared.row_streams import texts_in

if TYPE_CHECKING:
    from torch import Tensor

    from arae_toolkit.data.corpus import Corpus
    from arae_toolkit.latent.arithmetic import Originals, Transform, Trial
    from arae_toolkit.latent.spaces import Space, SpaceName
    from arae_toolkit.models.arae import ARAE

DEV_SENTENCES = 50
"""Of these, for each transform, temperature and scale are chosen."""
GENERATED = 20_000
"""Through noise, the sides are picked from so many generated sentences."""
RULE = (
    "temperature and scale: the highest harmonic mean, over dev, of precision and of the match % "
    "above that without an offset"
)


@dataclass(frozen=True)
class Wanted:
    """What is to be changed.

    Attributes:
        words: A transform for each, its sides taken by the word.
        files: Or the files of the two sides, with and without.
        matches: With files: words of which one makes a decoding match; maybe none.
        through: ``codes`` or ``noise``.
        most: Sentences of a side.
        seed: Fixes what is drawn.
    """

    words: tuple[str, ...]
    files: tuple[str, str] | None
    matches: tuple[str, ...]
    through: SpaceName
    most: int
    seed: int

    def transforms(
        self, model: ARAE, space: Space, corpus: Callable[[], Corpus]
    ) -> list[Transform]:
        """Return the transforms of a model.

        Args:
            model: Encodes.
            space: Where the offset is added.
            corpus: Returns the corpus of which sides are taken by a word.

        Raises:
            DataError: If a side has no sentence.
        """
        from arae_toolkit.latent.arithmetic import Transform, offset_between

        if self.files is not None:
            sides = [_points(model, space, texts_in(path)) for path in self.files]
            name = self.matches[0] if self.matches else "files"
            say(f"{name}: {len(sides[0]):,} sentences against {len(sides[1]):,}")
            return [Transform(name, self.matches, offset_between(*sides))]
        of_word = self._of_noise(model, space) if self.through == "noise" else None
        of_word = of_word or self._of_corpus(model, corpus())
        transforms = []
        for word in self.words:
            first, second = of_word(word)
            say(f"{word}: {len(first):,} sentences with the word, as many without")
            transforms.append(Transform(word, (word,), offset_between(first, second)))
        return transforms

    def _of_corpus(self, model: ARAE, corpus: Corpus) -> Callable[[str], tuple[Tensor, Tensor]]:
        """Return what gives the codes of both sides, from the train split."""
        from arae_toolkit.data.corpus import texts_of
        from arae_toolkit.data.vocabulary import UNKNOWN
        from arae_toolkit.latent.arithmetic import have_word, length_matched

        train = corpus.split("train")

        def sides(word: str) -> tuple[Tensor, Tensor]:
            number = corpus.vocabulary.id_of(word)
            held = have_word(train, number)
            if number == UNKNOWN or not held.any():
                raise DataError(f"no sentence of train has the word {word!r}", path=corpus.folder)
            rows = length_matched(train.lengths, held, most=self.most, seed=self.seed)
            if not len(rows[0]):
                raise DataError(
                    f"every sentence as long as those with {word!r} has it", path=corpus.folder
                )
            first, second = (texts_of(train.at(part), corpus.vocabulary) for part in rows)
            return model.encode(first), model.encode(second)

        return sides

    def _of_noise(self, model: ARAE, space: Space) -> Callable[[str], tuple[Tensor, Tensor]]:
        """Return what gives the noise of both sides, from sentences that the model generates."""
        import numpy as np
        import torch

        from arae_toolkit.latent.arithmetic import length_matched

        generator = torch.Generator(model.device).manual_seed(self.seed)
        points = space.draw(GENERATED, generator=generator)
        words = [text.split() for text in model.decode(space.codes(points))]
        lengths = np.array([len(each) for each in words])

        def sides(word: str) -> tuple[Tensor, Tensor]:
            held = np.array([word in each for each in words])
            rows = length_matched(lengths, held, most=self.most, seed=self.seed)
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
    trials: Sequence[Trial]


def settings_on_dev(
    model: ARAE,
    space: Space,
    transforms: Sequence[Transform],
    corpus: Callable[[], Corpus],
    *,
    temperatures: Sequence[float],
    scales: Sequence[float],
    decodings: int,
    seed: int,
) -> Settings:
    """Return the settings that are best on dev, or those given where there is but one of each.

    Raises:
        click.UsageError: If there is a choice, and nothing says what a match is.
    """
    if len(temperatures) == len(scales) == 1:
        return Settings(temperatures[0], scales[0], ())
    if not all(transform.words for transform in transforms):
        raise click.UsageError(
            "what a match is decides on the temperature: give --match WORD, or one --temperature "
            "and one --scale"
        )
    from arae_toolkit.latent.arithmetic import best_trial, try_settings

    held_out = corpus()
    originals = {
        transform.name: _dev_originals(model, space, held_out, transform.words, seed=seed)
        for transform in transforms
    }
    total = len(temperatures) * len(scales) * len(transforms)
    with progress("choosing the temperature on dev", total) as advance:
        trials = try_settings(
            *(model, space, originals, transforms),
            temperatures=temperatures,
            scales=scales,
            decodings=decodings,
            seed=seed,
            advance=advance,
        )
    best = best_trial(trials)
    return Settings(best.temperature, best.scale, trials)


def _dev_originals(
    model: ARAE, space: Space, corpus: Corpus, words: Sequence[str], *, seed: int
) -> Originals:
    """Return some sentences of dev that have none of the words.

    Raises:
        DataError: If there is none.
    """
    import numpy as np

    from arae_toolkit.data.corpus import texts_of
    from arae_toolkit.latent.arithmetic import Originals, have_word

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
    return Originals(texts, _points(model, space, texts))


def _points(model: ARAE, space: Space, texts: Sequence[str]) -> Tensor:
    """Return where sentences lie in a space."""
    return space.points_of(model.encode(texts)).points
