"""Statistics of the code space during training (Figure 3), and signs of a collapse."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from torch import Tensor

from arae_toolkit.data.corpus import PackedSentences
from arae_toolkit.data.image_batches import binarised
from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store
from arae_toolkit.evaluation.reconstruction import codes_of
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nn.critic import Critic

UNIQUE_SAMPLES = 512
# Below these a prior has collapsed or never met the encoder.
LEAST_UNIQUE_PERCENT = 50.0
LEAST_VARIANCE_RATIO = 0.2


@dataclass(frozen=True)
class CodeSpaceStatistics:
    """The code space at one moment.

    Attributes:
        code_norm: Mean norm of encoded rows, sentences or images (1 on the sphere).
        generated_norm: Mean norm of codes from the prior (Figure 3, left).
        code_variance: Trace of the covariance of encoded rows (Figure 3, middle).
        generated_variance: The same of codes from the prior.
        neighbour_cosine: Mean cosine similarity of the codes of sentences within five word edits
            of each other (Figure 3, right), or of images and their nearest neighbours.
        random_cosine: The same of random pairs, what the one above is to be read against.
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
    neighbours: npt.NDArray[np.int64],
    critic: Critic | None = None,
    seed: int = 0,
) -> CodeSpaceStatistics:
    """Measure the code space on some sentences or images and as many draws from the prior.

    Args:
        model: The model.
        store: Sentences or images.
        rows: Which of them to encode.
        neighbours: Pairs of row numbers of ``store``, from :func:`edit_neighbours` or
            :func:`pixel_neighbours`. Shape (N, 2).
        critic: For the Wasserstein estimate.
        seed: Fixes the draws.
    """
    model.eval()
    samples: Sequence[Hashable] | Tensor = model.sample(UNIQUE_SAMPLES, seed=seed)
    if isinstance(samples, Tensor):
        samples = [sample.tobytes() for sample in (samples >= 0.5).numpy(force=True)]
    code = codes_of(model, store, rows)
    generator = torch.Generator(code.device).manual_seed(seed)
    generated = model.prior.sample(len(code), generator=generator)
    wasserstein = float("nan")
    if critic is not None:
        critic.eval()
        wasserstein = float(critic(code).mean() - critic(generated).mean())
        critic.train()
    pairs = codes_of(model, store, neighbours.flatten())
    cosine = float(torch.cosine_similarity(pairs[::2], pairs[1::2]).mean())
    shuffled = code[torch.randperm(len(code), generator=torch.Generator().manual_seed(seed))]
    return CodeSpaceStatistics(
        code_norm=float(code.norm(dim=1).mean()),
        generated_norm=float(generated.norm(dim=1).mean()),
        code_variance=covariance_trace(code),
        generated_variance=covariance_trace(generated),
        neighbour_cosine=cosine,
        random_cosine=float(torch.cosine_similarity(code, shuffled).mean()),
        mean_distance=float((code.mean(dim=0) - generated.mean(dim=0)).norm()),
        wasserstein=wasserstein,
        unique_samples=100 * len(set(samples)) / len(samples),
    )


def covariance_trace(codes: Tensor) -> float:
    """Return the summed variance of all coordinates. Shape of ``codes``: (N, Z)."""
    return float(codes.double().var(dim=0).sum())


def collapse_warning(codes: CodeSpaceStatistics) -> str | None:
    """Return a line that names a collapse of the prior and what to do, or ``None``."""
    remedy = "raise critic_steps, lower adversarial_rate_generator or adversarial_weight"
    if codes.unique_samples < LEAST_UNIQUE_PERCENT:
        return f"mode collapse: only {codes.unique_samples:.0f} % of samples differ; {remedy}"
    ratio = codes.generated_variance / max(codes.code_variance, 1e-12)
    if ratio < LEAST_VARIANCE_RATIO:
        return f"prior too narrow: {ratio:.2f} of the encoder's variance; {remedy}"
    if codes.code_variance < 0.01:
        return (
            f"code collapse: the encoder's variance is {codes.code_variance:.4f}; "
            "lower adversarial_weight"
        )
    return None


def edit_neighbours(
    sentences: PackedSentences,
    *,
    seed: int,
    origins: int = 250,
    each: int = 100,
    most_edits: int = 5,
    pool: int = 4000,
) -> npt.NDArray[np.int64]:
    """Return pairs of different sentences within a few word edits of each other.

    Section 7: for 250 sentences, up to 100 random ones within an edit distance of five.

    Args:
        sentences: The split.
        seed: Fixes the choice.
        origins: Sentences to find neighbours of.
        each: Most neighbours of one sentence.
        most_edits: Largest edit distance.
        pool: Sentences searched for neighbours.

    Returns:
        Row numbers. Shape (N, 2), int64.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(len(sentences))[: max(pool, origins)]
    words = [np.asarray(sentences[int(row)]).tolist() for row in rows]
    distances = cdist(words[:origins], words, scorer=Levenshtein.distance)
    pairs = []
    for index, own in enumerate(distances):
        near = np.flatnonzero(own <= most_edits)
        near = near[near != index]
        chosen = random.permutation(near)[:each]
        pairs += [(rows[index], rows[other]) for other in chosen]
    return np.asarray(pairs, dtype=np.int64).reshape(-1, 2)


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
