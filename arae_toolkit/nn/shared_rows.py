"""Encoders and decoders whose batches several processes share out, row by row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.ops.sampled_softmax import SoftmaxSample


class SharedEncoder:
    """An encoder that reads a process's own rows, and gives the codes of all.

    Gradients of its weights are those of the own rows: an update adds them up.

    Args:
        encoder: From a batch to codes.
        ranks: Who shares the batch.
    """

    def __init__(self, encoder: nn.Module, ranks: Ranks) -> None:
        self.encoder, self.ranks = encoder, ranks

    def __call__(self, batch: Any, **options: Any) -> Tensor:
        """Return the codes of all rows. Shape (B, Z)."""
        return self._shared(self.encoder, batch, options)

    def posterior(self, batch: Any) -> Tensor:
        """Return the posteriors of all rows. Shape (B, 2Z)."""
        return self._shared(self.encoder.posterior, batch, {})

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights."""
        return self.encoder.parameters()

    def _shared(self, encode: Any, batch: Any, options: dict[str, Any]) -> Tensor:
        own = encode(batch.part(self.ranks.rows(len(batch))), **options)
        return self.ranks.gathered(own, len(batch))


class SharedDecoder:
    """A decoder that scores a process's own rows, and gives the nats of all together.

    The gradient at the codes is that of all rows; gradients of its weights are those of the own
    rows: an update adds them up.

    Args:
        decoder: Scores a batch given its codes.
        ranks: Who shares the batch.
    """

    def __init__(self, decoder: Any, ranks: Ranks) -> None:
        self.decoder, self.ranks = decoder, ranks

    def nats(
        self,
        code: Tensor,
        batch: Any,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
        read: Any = None,
    ) -> Tensor:
        """Return the nats summed over all rows; see :class:`~arae_toolkit.models.interfaces`."""
        rows = self.ranks.rows(len(batch))
        if sample is not None:
            sample = replace(sample, batch_words=batch.words)
        own = self.decoder.nats(
            self.ranks.shared(code)[rows],
            batch.part(rows),
            dtype=dtype,
            sample=sample,
            read=None if read is None else read.part(rows),
        )
        return self.ranks.summed(own)

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights."""
        parameters: Iterable[nn.Parameter] = self.decoder.parameters()
        return parameters


def shared_rows(encoder: Any, decoder: Any, ranks: Ranks) -> tuple[Any, Any]:
    """Return encoder and decoder as processes share them: themselves where there is but one."""
    if ranks.size == 1:
        return encoder, decoder
    return SharedEncoder(encoder, ranks), SharedDecoder(decoder, ranks)
