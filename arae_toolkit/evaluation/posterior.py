"""Posteriors of a variational autoencoder: what they carry, and their collapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.data.token_batches import Store
from arae_toolkit.evaluation.reconstruction import BATCH_ROWS
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.image_arae import ImageARAE
from arae_toolkit.nn.code_head import coordinate_nats

ACTIVE_VARIANCE = 0.01
"""A coordinate is active whose mean varies more than this over sentences (Burda et al., 2016)."""
LEAST_NATS = 0.5


@dataclass(frozen=True)
class PosteriorStatistics:
    """The posteriors of some rows.

    Attributes:
        kl_nats: Mean divergence from the prior, in nats a row.
        active_units: Coordinates of the code that tell rows apart.
    """

    kl_nats: float
    active_units: int


@torch.no_grad()
def measure_posterior(model: ARAE | ImageARAE, store: Store, rows: Indices) -> PosteriorStatistics:
    """Measure the posteriors of some rows.

    Args:
        model: A variational one.
        store: Sentences or images.
        rows: Which of them.

    Raises:
        ValueError: If the encoder gives codes and not distributions.
    """
    model.eval()
    batches, _ = store.grouped(rows, groups=max(1, -(-len(rows) // BATCH_ROWS)))
    encode: Any = model.encoder
    posteriors = torch.cat([encode.posterior(batch) for batch in batches])
    mean = posteriors.chunk(2, dim=1)[0].double()
    return PosteriorStatistics(
        kl_nats=float(coordinate_nats(posteriors.double()).sum(dim=1).mean()),
        active_units=int((mean.var(dim=0) > ACTIVE_VARIANCE).sum()),
    )


def posterior_warning(posterior: PosteriorStatistics) -> str | None:
    """Return a line that names a collapse of the posterior and what to do, or ``None``."""
    if posterior.kl_nats < LEAST_NATS or not posterior.active_units:
        return (
            f"posterior collapse: {posterior.kl_nats:.2f} nats and {posterior.active_units} active "
            "units, so the decoder does without the code; raise free_bits, decoder_word_drop or "
            "kl_warmup, or lower kl_weight"
        )
    return None
