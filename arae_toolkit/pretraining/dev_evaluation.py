"""Evaluation on the dev split while a model trains, and once more at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from arae_toolkit.config.schema import Config, TrainingConfig
from arae_toolkit.data.corpus import Corpus, PackedSentences, pack
from arae_toolkit.data.image_batches import PixelStore
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store, TokenStore
from arae_toolkit.evaluation.code_space import (
    CodeSpaceStatistics,
    collapse_signs,
    collapse_warning,
    edit_neighbours,
    measure_code_space,
    pixel_neighbours,
)
from arae_toolkit.evaluation.image_grid import grid, save_picture
from arae_toolkit.evaluation.language_model import (
    LanguageModelSettings,
    language_model_of_outputs,
)
from arae_toolkit.evaluation.posterior import measure_posterior, posterior_warning
from arae_toolkit.evaluation.reconstruction import (
    codes_of,
    measure_images,
    measure_reconstruction,
)
from arae_toolkit.evaluation.text_model import decoding_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE, walks
from arae_toolkit.nn.priors import FittedGaussian, NoCodePrior
from arae_toolkit.pretraining.algorithm import Algorithm
from arae_toolkit.training.metrics_log import Listener, Row

SAMPLES_SHOWN = 10
COLUMNS, SAMPLE_ROWS, WALKS = 12, 8, 6
"""Of a picture: images in a row, rows of samples, rows of interpolations."""
FITTED_ROWS = 20_000
"""Training rows whose codes the prior of a plain autoencoder is fitted to."""
SELECTION_SEED = 4711
"""Of the samples that weights are selected by, and of the language model that learns them."""

SIGNS = "collapse_signs"
"""Name among what a run keeps: the signs of a collapse as of the last evaluation."""

Note = Callable[[str], None]


class DevEvaluation:
    """Measures a model in training on the dev split; :func:`fit` calls it.

    Args:
        model: In training.
        train: Its training split.
        dev: Its dev split.
        config: How many rows of dev to use (``evaluation_sentences``), and the seed of their
            choice.
        measure: Measures the reconstruction of some rows of dev, of all for ``None``; returns a
            dataclass of numbers.
        neighbours: Pairs of rows of dev whose codes are to lie close. Shape (N, 2).
        samples: Returns sentences to be logged, if the model makes sentences.
        score: Returns what weights are selected by, the lower the better, if that is neither the
            nats of dev nor their being the last.
        note: Told of a collapse that two evaluations agree on.
    """

    def __init__(
        self,
        model: ARAE | ImageARAE,
        train: Store,
        dev: Store,
        config: Config,
        *,
        measure: Callable[..., Any],
        neighbours: Indices,
        samples: Callable[[], list[str]] | None = None,
        score: Callable[[], float] | None = None,
        note: Note,
    ) -> None:
        self.score = score
        self.model, self.train, self.dev, self.note = model, train, dev, note
        self.measure, self.neighbours, self.samples = measure, neighbours, samples
        self.seed = config.training.seed
        chosen = np.random.default_rng(self.seed).permutation(len(dev))
        self.rows = chosen[: config.training.evaluation_sentences]
        self.earliest = earliest_collapse(config.training, rows=len(train))
        self.price_is_whole = config.training.kl_warmup
        self.selects_by_nats = config.training.select == "nats"

    def __call__(self, algorithm: Algorithm, last: bool) -> Mapping[str, Any]:
        """Return a row of measurements; the last one is over all of dev."""
        if isinstance(self.model.prior, FittedGaussian):
            fitted = np.random.default_rng(self.seed).permutation(len(self.train))[:FITTED_ROWS]
            self.model.prior.fit(codes_of(self.model, self.train, fitted))
        row = asdict(self.measure(self.dev, rows=None if last else self.rows))
        warning = None
        if not isinstance(self.model.prior, NoCodePrior):
            codes = measure_code_space(
                *(self.model, self.dev),
                rows=self.rows,
                neighbours=self.neighbours,
                critic=algorithm.critic,
                seed=self.seed,
            )
            row |= codes.values()
            warning = self._collapse(codes, algorithm)
        if self.model.variational:
            posterior = measure_posterior(self.model, self.dev, self.rows)
            row |= asdict(posterior)
            if int(algorithm.kept["iterations"]) >= self.price_is_whole:
                warning = posterior_warning(posterior) or warning
        if warning:
            self.note(warning)
        row["warning"] = warning
        if self.score is not None:
            row["reverse_perplexity"] = self.score()
            algorithm.select(row["reverse_perplexity"])
        if self.selects_by_nats:
            algorithm.select(self._nats(row, whole=last))
        return row if self.samples is None else {**row, "samples": self.samples()}

    def _nats(self, row: Mapping[str, Any], *, whole: bool) -> float:
        """Return nats a row on the rows that every evaluation uses; of a posterior, its bound.

        Args:
            row: As measured.
            whole: Whether that was on all of dev.
        """
        if whole and len(self.rows) < len(self.dev):
            row = {**row, **asdict(self.measure(self.dev, rows=self.rows))}
        nats = row["nats_per_sentence" if "nats_per_sentence" in row else "nats_per_image"]
        return float(nats) + float(row.get("kl_nats", 0.0))

    def _collapse(self, codes: CodeSpaceStatistics, algorithm: Algorithm) -> str | None:
        """Return the warning of a collapse that two evaluations agree on, if they do."""
        if int(algorithm.kept["iterations"]) < self.earliest:
            return None
        # Among what a resumed run gets back: it is to warn where an unbroken one does.
        signs = torch.tensor(collapse_signs(codes))
        before = algorithm.kept.get(SIGNS, torch.full_like(signs, torch.inf))
        algorithm.kept[SIGNS] = signs
        return collapse_warning(codes, before.tolist())


def earliest_collapse(training: TrainingConfig, *, rows: int = 0) -> int:
    """Return the iteration from which on few distinct samples are a sign of a collapse.

    Before, the warm-up of lambda(1) is not over, or samples, which use the running mean of the
    generator's weights, still show much of the weights that it started from, or not all of the
    training's rows have been seen.

    Args:
        training: The schedule.
        rows: That it trains on.
    """
    memory = 1 / max(1 - training.generator_average, 1e-6)
    learned = training.adversarial_warmup + round(memory)
    return max(learned, rows // training.batch_size)


def text_evaluation(
    model: ARAE, train: Store, corpus: Corpus, config: Config, *, note: Note
) -> DevEvaluation:
    """Return the evaluation of a model of sentences, their edit neighbours looked up."""
    seed, selects = config.training.seed, config.training.select == "reverse-perplexity"
    dev = corpus.split("dev").of_at_most(config.training.longest_sentence)
    return DevEvaluation(
        *(model, train, TokenStore(dev, device=model.device), config),
        measure=partial(measure_reconstruction, model),
        neighbours=edit_neighbours(dev, seed=seed),
        samples=lambda: model.sample(SAMPLES_SHOWN, seed=seed, decoding=decoding_of(model)),
        score=partial(selection_score, model, dev, config) if selects else None,
        note=note,
    )


def selection_score(model: ARAE, dev: PackedSentences, config: Config) -> float:
    """Return the reverse perplexity of dev by a small language model of a model's samples.

    Smaller than the judges that tables are measured with, and of another seed: who selects is not
    to be the one who scores.
    """
    count, words = config.training.selection_samples, model.vocabulary
    samples = model.sample(count, seed=SELECTION_SEED, decoding=decoding_of(model))
    settings = LanguageModelSettings(
        embedding_size=128, hidden_size=128, iterations=1_500, seed=SELECTION_SEED
    )
    reader = language_model_of_outputs(
        pack(words.encode_batch(samples), vocab_size=len(words)),
        words,
        settings=settings,
        device=model.device,
    )
    return reader.read_packed(dev).perplexity


def image_evaluation(
    model: ImageARAE, train: Store, dev: PixelStore, corpus: Corpus, config: Config, *, note: Note
) -> DevEvaluation:
    """Return the evaluation of a model of images, their nearest neighbours looked up."""
    return DevEvaluation(
        *(model, train, dev, config),
        measure=partial(measure_images, model),
        neighbours=pixel_neighbours(corpus.pixels("dev"), seed=config.training.seed),
        note=note,
    )


class SamplePictures(Listener):
    """Listener that draws samples and interpolations of a model in training (Figure 2).

    At each evaluation it writes ``samples/iteration-N.png`` into the run's folder: samples above,
    and below them ways between images of the dev split, the same ones each time.

    Args:
        folder: The run's.
        model: In training.
        dev: Images of the dev split.
        seed: Fixes the samples.
        log: Called with a line that says where the picture is.
    """

    def __init__(
        self,
        folder: Path,
        model: ImageARAE,
        dev: PixelStore,
        *,
        seed: int,
        log: Note,
    ) -> None:
        self.folder, self.model, self.seed, self.log = folder / "samples", model, seed, log
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
        self.log(f"samples and interpolations: {path}")
