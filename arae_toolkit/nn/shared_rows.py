"""Networks whose batches several processes share out, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from arae_toolkit.data.noise import NoiseSource, RowNoise
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.distributed.ranks import Ranks
from arae_toolkit.nn.batch_norm import BatchNorm
from arae_toolkit.nn.conditional_decoder import AttributeDecoders
from arae_toolkit.ops.sampled_softmax import SoftmaxSample


class OwnRows:
    """The rows of one batch that a process computes; all of them where there is but one process.

    Args:
        ranks: Who shares the batch.
        count: B.

    Attributes:
        rows: Which of the batch's rows they are.
    """

    def __init__(self, ranks: Ranks, count: int) -> None:
        self.ranks, self.count, self.rows = ranks, count, ranks.rows(count)

    def of(self, batch: TokenBatch) -> TokenBatch:
        """Return the own sentences of the batch, as wide as all, as noise is drawn."""
        return batch if self.ranks.size == 1 else batch.part(self.rows, narrow=False)

    def noise(self, generator: torch.Generator) -> NoiseSource:
        """Return a source of the noise that these rows have in the whole batch."""
        return generator if self.ranks.size == 1 else RowNoise(generator, self.rows, self.count)

    def gathered(self, own: Tensor) -> Tensor:
        """Return the values of all rows; see :meth:`~Ranks.gathered`. Shape (B, ...)."""
        return self.ranks.gathered(own, self.count)

    def summed(self, own: Tensor) -> Tensor:
        """Return the sum over all rows from that over the own ones; see :meth:`~Ranks.summed`."""
        if self.ranks.size == 1:
            return own
        return self.ranks.summed(own * self.ranks.weight(self.count))


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

    def nats(self, code: Tensor, batch: Any, *, read: Any = None, **options: Any) -> Tensor:
        """Return the nats summed over all rows; see :class:`~arae_toolkit.models.interfaces`.

        Sentences of several attribute values are shared value by value: each value's decoder has
        rows in every process.
        """
        if not isinstance(self.decoder, AttributeDecoders):
            return self._shared(self.decoder.nats, code, batch, read=read, **options)
        codes = code.split([len(part) for part in batch.parts.values()])
        parts = batch.parts if read is None else read.parts
        nats = [
            self.part_nats(value, one, part, read=parts[value], **options)
            for (value, part), one in zip(batch.parts.items(), codes, strict=True)
        ]
        return torch.stack(nats).sum()

    def part_nats(
        self, value: int, code: Tensor, part: Any, *, read: Any = None, **options: Any
    ) -> Tensor:
        """Return the nats of sentences that all have one attribute value, summed over all rows."""
        own = partial(self.decoder.part_nats, value)
        return self._shared(own, code, part, read=read, **options)

    def _shared(
        self,
        nats: Callable[..., Tensor],
        code: Tensor,
        batch: Any,
        *,
        read: Any,
        sample: SoftmaxSample | None = None,
        **options: Any,
    ) -> Tensor:
        rows = self.ranks.rows(len(batch))
        if sample is not None:
            options["sample"] = replace(sample, batch_words=batch.words)
        if read is not None:
            options["read"] = read.part(rows)
        own = nats(self.ranks.shared(code)[rows], batch.part(rows), **options)
        return self.ranks.summed(own * self.ranks.weight(len(batch)))

    def parameters(self) -> Iterable[nn.Parameter]:
        """Return the weights."""
        parameters: Iterable[nn.Parameter] = self.decoder.parameters()
        return parameters


def shared_rows(encoder: Any, decoder: Any, ranks: Ranks) -> tuple[Any, Any]:
    """Return encoder and decoder as processes share them: themselves where there is but one.

    Their batch normalization goes by the statistics of all rows from here on.
    """
    if ranks.size == 1:
        return encoder, decoder
    for layer in (*encoder.modules(), *decoder.modules()):
        if isinstance(layer, BatchNorm):
            layer.ranks = ranks
    return SharedEncoder(encoder, ranks), SharedDecoder(decoder, ranks)
