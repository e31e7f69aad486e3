"""Statistics of the code space during training (Figure 3), and signs of a collapse."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.image_batches import binarised
from arae_toolkit.data.noise import with_noise
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store
from arae_toolkit.evaluation.reconstruction import codes_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.models.interfaces import Autoencoder
from arae_toolkit.nn.critic import Critic
from arae_toolkit.nn.priors import Generator, without_noise
from arae_toolkit.training.metrics_log import dev_rows

Pairs = npt.NDArray[np.int64]

UNIQUE_SAMPLES = 512
ORIGINS_AT_ONCE = 25
"""Their distances to all of a split are held in memory: 20 MB for 200,000 sentences."""
# Below these a prior has collapsed or never met the encoder.
LEAST_UNIQUE_PERCENT = 50.0
LEAST_VARIANCE_RATIO = 0.2
LEAST_CODE_VARIANCE = 0.01
TRAINING_CURVE = (
    *("epoch", "code_norm", "generated_norm", "code_variance", "generated_variance"),
    *("neighbour_cosine", "random_cosine"),
)
"""What a run's log has of Figure 3."""
RECOVERING = 0.05
"""A sign of a collapse that has gone back by so much of its limit is on its way out."""


@dataclass(frozen=True)
class CodeSpaceStatistics:
    """The code space at one moment.

    Attributes:
        code_norm: Mean norm of encoded rows, sentences or images (1 on the sphere).
        generated_norm: Mean norm of codes from the prior (Figure 3, left), without the noise that a
            setting of ``generator_noise`` adds to them. With
            ``generator_output = sphere`` it is 1 by construction, which says nothing.
        code_variance: Trace of the covariance of encoded rows (Figure 3, middle).
        generated_variance: The same of codes from the prior.
        neighbour_cosine: Cosine similarity of the codes of sentences within five word edits of
            each other (Figure 3, right), or of images and their nearest neighbours: a mean for
            each sentence that has neighbours, and of these the mean.
        random_cosine: The same of each of these sentences and random ones as long as its
            neighbours, what the one above is to be read against.
        mean_distance: Distance between the two mean codes.
        wasserstein: The critic's estimate on these codes; NaN without a critic.
        unique_samples: Percent of distinct ones among 512 greedy samples.
    """

    code_norm: float
    generated_norm: float
    code_variance: float
    generated_variance: float
    neighbour_cosine: float
    random_cosine: float
    mean_distance: float
    wasserstein: float
    unique_samples: float

    def values(self) -> dict[str, float]:
        """Return the statistics that have a value, by name."""
        return {name: value for name, value in asdict(self).items() if value == value}


@torch.no_grad()
def measure_code_space(
    model: ARAE | ImageARAE,
    store: Store,
    *,
    rows: Indices,
    neighbours: Pairs,
    critic: Critic | None = None,
    seed: int = 0,
) -> CodeSpaceStatistics:
    """Measure the code space on some sentences or images and as many draws from the prior.

    Args:
        model: The model.
        store: Sentences or images.
        rows: Which of them to encode.
        neighbours: Row numbers of ``store``, of an origin and a neighbour each, from
            :func:`edit_neighbours` or :func:`pixel_neighbours`. Shape (N, 2).
        critic: For the Wasserstein estimate.
        seed: Fixes the draws, and the random pairs beside the neighbours.
    """
    model.eval()
    samples: Sequence[Hashable] | Tensor = model.sample(UNIQUE_SAMPLES, seed=seed)
    if isinstance(samples, Tensor):
        samples = [sample.tobytes() for sample in (samples >= 0.5).numpy(force=True)]
    code = codes_of(model, store, rows)
    generator = torch.Generator(code.device).manual_seed(seed)
    generated = without_noise(model.prior, len(code), generator=generator)
    wasserstein = float("nan")
    if critic is not None:
        critic.eval()
        noise = model.prior.noise if isinstance(model.prior, Generator) else 0.0
        real, fake = (with_noise(codes, noise, generator) for codes in (code, generated))
        wasserstein = float(critic(real).mean() - critic(fake).mean())
        critic.train()
    drawn = random_pairs(store.host_lengths, neighbours, seed=seed)
    near, far = mean_cosines(model, store, [neighbours, drawn])
    return CodeSpaceStatistics(
        code_norm=float(code.norm(dim=1).mean()),
        generated_norm=float(generated.norm(dim=1).mean()),
        code_variance=covariance_trace(code),
        generated_variance=covariance_trace(generated),
        neighbour_cosine=near,
        random_cosine=far,
        mean_distance=float((code.mean(dim=0) - generated.mean(dim=0)).norm()),
        wasserstein=wasserstein,
        unique_samples=100 * len(set(samples)) / len(samples),
    )


def mean_cosines(model: Autoencoder, store: Store, pairs: Sequence[Pairs]) -> list[float]:
    """Return cosine similarities of codes, averaged for each origin and then over origins.

    Averaged over all pairs alike, sentences of many neighbours would decide: the short ones.

    Args:
        model: The model.
        store: Its rows; each is encoded once, in however many pairs it stands.
        pairs: Row numbers of origins and others, several sets of them. Shape (N, 2) each.

    Returns:
        A mean for each set; NaN for an empty one.
    """
    rows, places = np.unique(np.concatenate(pairs), return_inverse=True)
    code = codes_of(model, store, rows)
    means = []
    for part in np.split(places.reshape(-1, 2), np.cumsum([len(p) for p in pairs])[:-1]):
        first, second = torch.from_numpy(part).to(code.device).unbind(dim=1)
        cosine = torch.cosine_similarity(code[first], code[second]).double().numpy(force=True)
        _, origin, counts = np.unique(part[:, 0], return_inverse=True, return_counts=True)
        totals = np.bincount(origin, weights=cosine, minlength=len(counts))
        means.append(float((totals / counts).mean()) if len(counts) else float("nan"))
    return means


def random_pairs(lengths: Indices, pairs: Pairs, *, seed: int) -> Pairs:
    """Return each pair's origin beside a random row that is as long as its neighbour.

    Short sentences have the most neighbours, and codes that are more alike than those of long ones,
    neighbours or not: only pairs of the same lengths tell what it is to be near.

    Args:
        lengths: Of all rows. Shape (N,).
        pairs: Row numbers of origins and others. Shape (M, 2).
        seed: Fixes the choice.

    Returns:
        Row numbers, never a row beside itself. Shape (M, 2), int64.
    """
    origins, others = pairs.T
    by_length = np.argsort(lengths, kind="stable")
    place = np.empty_like(by_length)
    place[by_length] = np.arange(len(by_length))
    first, last = (
        np.searchsorted(lengths[by_length], lengths[others], side=side)
        for side in ("left", "right")
    )
    itself = lengths[origins] == lengths[others]
    drawn = np.random.default_rng(seed).integers(first, last - itself)
    drawn += itself & (drawn >= place[origins])  # the origin is passed over
    return np.stack([origins, by_length[drawn]], axis=1)


def training_curve(run: Path) -> list[dict[str, float]]:
    """Return Figure 3's measurements over a training, one row an evaluation on dev.

    Args:
        run: Folder of the run; where its log is not there, there is no row.
    """
    return [
        {key: row[key] for key in TRAINING_CURVE if row.get(key) is not None}
        for row in dev_rows(run)
    ]


def covariance_trace(codes: Tensor) -> float:
    """Return the summed variance of all coordinates; NaN of one code. Shape: (N, Z)."""
    if len(codes) < 2:
        return math.nan  # as torch has it, which warns
    return float(codes.double().var(dim=0).sum())


def collapse_signs(codes: CodeSpaceStatistics) -> list[float]:
    """Return what a collapse shows in, each over the least that is healthy: below 1 it is a sign.

    Distinct samples, the prior's variance over the encoder's, and the encoder's variance.
    """
    ratio = codes.generated_variance / max(codes.code_variance, 1e-12)
    return [
        codes.unique_samples / LEAST_UNIQUE_PERCENT,
        ratio / LEAST_VARIANCE_RATIO,
        codes.code_variance / LEAST_CODE_VARIANCE,
    ]


def collapse_warning(codes: CodeSpaceStatistics, before: Sequence[float]) -> str | None:
    """Return a line that names a collapse that lasts and what to do, or ``None``.

    A prior that is still learning shows the same signs as one that has collapsed, but fewer from
    one evaluation to the next: a sign counts where it was there before and has hardly gone back.

    Args:
        codes: As measured now.
        before: The :func:`collapse_signs` of the evaluation before; infinite where there was none
            that counts.
    """
    ratio = codes.generated_variance / max(codes.code_variance, 1e-12)
    remedy = "raise critic_steps, lower adversarial_rate_generator or adversarial_weight"
    lines = [
        f"mode collapse: only {codes.unique_samples:.0f} % of samples differ; {remedy}",
        f"prior too narrow: {ratio:.2f} of the encoder's variance; {remedy}",
        f"code collapse: the encoder's variance is {codes.code_variance:.4f}; "
        "lower adversarial_weight",
    ]
    for line, now, then in zip(lines, collapse_signs(codes), before, strict=True):
        if now < 1 and then < 1 and now < then + RECOVERING:
            return line
    return None


def edit_neighbours(
    sentences: PackedSentences,
    *,
    seed: int,
    origins: int = 250,
    each: int = 100,
    most_edits: int = 5,
) -> Pairs:
    """Return pairs of different sentences within a few word edits of each other.

    Section 7: for 250 sentences, up to 100 random ones of the whole split within an edit distance
    of five. A sentence that has none is in no pair: one in six of SNLI's dev split, the long ones.

    Args:
        sentences: The split.
        seed: Fixes the choice.
        origins: Sentences to find neighbours of.
        each: Most neighbours of one sentence.
        most_edits: Largest edit distance.

    Returns:
        Row numbers of a sentence and a neighbour of it. Shape (N, 2), int64.
    """
    random = np.random.default_rng(seed)
    words = [np.asarray(sentences[row]).tolist() for row in range(len(sentences))]
    chosen = random.permutation(len(words))[:origins]
    pairs = [np.zeros((0, 2), dtype=np.int64)]
    for block in np.array_split(chosen, max(1, -(-len(chosen) // ORIGINS_AT_ONCE))):
        distances = cdist(
            [words[row] for row in block],
            words,
            scorer=Levenshtein.distance,
            score_cutoff=most_edits,
            dtype=np.int32,
        )
        for origin, own in zip(block, distances, strict=True):
            near = np.flatnonzero(own <= most_edits)
            near = random.permutation(near[near != origin])[:each]
            pairs.append(np.stack([np.full_like(near, origin), near], axis=1))
    return np.concatenate(pairs)


def pixel_neighbours(
    pixels: npt.NDArray[Any], *, seed: int, origins: int = 250, pool: int = 4000
) -> npt.NDArray[np.int64]:
    """Return pairs of an image and another that differs from it in the fewest pixels.

    Images have no word edits; this stands in for the neighbours of Figure 3 (right).

    Args:
        pixels: Grey values. Shape (N, P), uint8.
        seed: Fixes the choice.
        origins: Images to find the neighbour of.
        pool: Images searched for neighbours.

    Returns:
        Row numbers. Shape (M, 2), int64; empty if there is only one image.
    """
    random = np.random.default_rng(seed)
    rows = np.sort(random.permutation(len(pixels))[: max(pool, origins)])
    if len(rows) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    ink = binarised(pixels[rows]).float()
    chosen = random.permutation(len(rows))[:origins]
    first = ink[chosen]
    # Pixels that differ: ink of the one, plus ink of the other, less twice what they share.
    distances = first.sum(dim=1, keepdim=True) + ink.sum(dim=1) - 2 * first @ ink.t()
    distances[torch.arange(len(chosen)), torch.from_numpy(chosen)] = torch.inf
    return np.stack([rows[chosen], rows[distances.argmin(dim=1).numpy()]], axis=1)
