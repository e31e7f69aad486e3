"""What is measured and drawn from the dev split while a model trains, and once more at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from arae_toolkit.algorithm import Algorithm
from arae_toolkit.batching import Store, TokenStore
from arae_toolkit.configs import Config
from arae_toolkit.corpus import Corpus
from arae_toolkit.evaluation.images import (
    measure_image_codes,
    measure_images,
    pixel_neighbours,
)
from arae_toolkit.evaluation.monitors import (
    CodeMonitors,
    collapse_warning,
    edit_neighbours,
    measure_codes,
)
from arae_toolkit.evaluation.reconstruction import codes_of, measure_reconstruction
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.autoencoder import Autoencoder
from arae_toolkit.models.image import ImageARAE, walks
from arae_toolkit.models.latent import FittedGaussian
from arae_toolkit.pictures import grid, save_picture
from arae_toolkit.pixels import PixelStore
from arae_toolkit.run_log import Row

SAMPLES_SHOWN = 10
COLUMNS, SAMPLE_ROWS, WALKS = 12, 8, 6
"""Of a picture: images in a row, rows of samples, rows of interpolations."""
FITTED_ROWS = 20_000
"""Training rows whose codes the prior of a plain autoencoder is fitted to."""

Note = Callable[[str], None]


class TextEvaluation:
    """Measures a model of sentences in training.

    Args:
        model: The model.
        train: Its training split.
        corpus: Its dev split is measured.
        config: How many sentences.
        note: Told of a collapse.
    """

    def __init__(
        self, model: ARAE, train: Store, corpus: Corpus, config: Config, *, note: Note
    ) -> None:
        """Choose the sentences and look up their edit neighbours, once for all evaluations."""
        dev = corpus.split("dev")
        self.model, self.train, self.note = model, train, note
        self.store = TokenStore(dev, device=model.device)
        self.seed = config.training.seed
        chosen = np.random.default_rng(self.seed).permutation(len(dev))
        self.rows = chosen[: config.training.evaluation_sentences]
        self.neighbours = edit_neighbours(dev, seed=self.seed)

    def __call__(self, algorithm: Algorithm, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements; the last one is over all of dev."""
        fit_prior(self.model, self.train, seed=self.seed)
        reconstruction = measure_reconstruction(
            self.model, self.store, rows=None if last else self.rows
        )
        monitors = measure_codes(
            self.model,
            self.store,
            rows=self.rows,
            neighbours=self.neighbours,
            critic=algorithm.critic,
            seed=self.seed,
        )
        return {
            **asdict(reconstruction),
            **monitors.values(),
            "warning": warned(monitors, self.note),
            "samples": self.model.sample(SAMPLES_SHOWN, seed=self.seed),
        }


class ImageEvaluation:
    """Measures a model of images in training.

    Args:
        model: The model.
        train: Its training split.
        corpus: Its dev split is measured.
        config: How many images (``evaluation_sentences``).
        note: Told of a collapse.
    """

    def __init__(
        self, model: ImageARAE, train: Store, corpus: Corpus, config: Config, *, note: Note
    ) -> None:
        """Choose the images and look up their nearest neighbours, once for all evaluations."""
        dev = corpus.pixels("dev")
        self.model, self.train, self.note = model, train, note
        self.store = PixelStore(dev, device=model.device)
        self.seed = config.training.seed
        chosen = np.random.default_rng(self.seed).permutation(len(dev))
        self.rows = chosen[: config.training.evaluation_sentences]
        self.neighbours = pixel_neighbours(dev, seed=self.seed)

    def __call__(self, algorithm: Algorithm, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements; the last one is over all of dev."""
        fit_prior(self.model, self.train, seed=self.seed)
        reconstruction = measure_images(self.model, self.store, rows=None if last else self.rows)
        monitors = measure_image_codes(
            self.model,
            self.store,
            rows=self.rows,
            neighbours=self.neighbours,
            critic=algorithm.critic,
            seed=self.seed,
        )
        return {
            **asdict(reconstruction),
            **monitors.values(),
            "warning": warned(monitors, self.note),
        }


class SamplePictures:
    """Listener that draws samples and interpolations of a model in training (Figure 2).

    At each evaluation it writes ``samples/iteration-N.png`` into the run's folder: samples above,
    and below them ways between images of the dev split, the same ones each time.

    Args:
        folder: The run's.
        model: In training.
        dev: Images of the dev split.
        seed: Fixes the samples.
        tell: Called with a line that says where the picture is.
    """

    def __init__(
        self,
        folder: Path,
        model: ImageARAE,
        dev: PixelStore,
        *,
        seed: int,
        tell: Note,
    ) -> None:
        """Choose the images between which to walk."""
        self.folder, self.model, self.seed, self.tell = folder / "samples", model, seed, tell
        count = min(2 * WALKS, len(dev) // 2 * 2)
        self.ends = dev.batch(np.arange(count)).pixels > 0

    def row(self, row: Row) -> None:
        """Draw a picture where the row is an evaluation."""
        if row["kind"] != "dev":
            return
        self.model.eval()
        images = [self.model.sample(COLUMNS * SAMPLE_ROWS, seed=self.seed)]
        if len(self.ends):
            images.append(walks(self.model, self.ends, steps=COLUMNS))
        path = self.folder / f"iteration-{row['iteration']}.png"
        shape = self.model.image_shape
        save_picture(path, [grid(part, image_shape=shape, columns=COLUMNS) for part in images])
        self.tell(f"samples and interpolations: {path}")

    def tick(self, iteration: int) -> None:
        """Leave ticks to the other listeners."""

    def note(self, text: str) -> None:
        """Leave notes to the other listeners."""


def fit_prior(model: Autoencoder, train: Store, *, seed: int) -> None:
    """Fit the Gaussian of a plain autoencoder to codes of training rows; else do nothing."""
    if isinstance(model.prior, FittedGaussian):
        rows = np.random.default_rng(seed).permutation(len(train))[:FITTED_ROWS]
        model.prior.fit(codes_of(model, train, rows))


def warned(monitors: CodeMonitors, note: Note) -> str | None:
    """Return the warning that the monitors give cause for, having passed it on as a note."""
    warning = collapse_warning(monitors)
    if warning:
        note(warning)
    return warning
