"""Decoders conditioned on an attribute: p(x | z, y) of section 3's transfer extension."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.labelled_batches import AttributeBatch
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.nn.lstm_decoder import LSTMDecoder
from arae_toolkit.ops.sampled_softmax import SoftmaxSample

DecoderForm = Literal["shared-softmax", "separate", "joined"]


class AttributeDecoders(nn.Module):
    """A decoder for each attribute value, or one that is told the value.

    Args:
        vocab_size: V.
        attributes: A.
        form: ``separate``; ``shared-softmax``, which gives all decoders one projection; ``joined``,
            a single decoder whose code is followed by the value, one-hot.
        embedding_size: E.
        hidden_size: H.
        code_size: Z.
        code_gain: See :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: int,
        form: DecoderForm,
        embedding_size: int,
        hidden_size: int,
        code_size: int,
        code_gain: float,
    ) -> None:
        super().__init__()
        self.attributes, self.form, self.code_gain = attributes, form, code_gain
        joined = form == "joined"
        self.decoders = nn.ModuleList(
            LSTMDecoder(
                vocab_size,
                embedding_size=embedding_size,
                hidden_size=hidden_size,
                code_size=code_size + attributes * joined,
                code_gain=code_gain,
            )
            for _ in range(1 if joined else attributes)
        )
        if form == "shared-softmax":
            first, *others = self.decoders
            for decoder in others:
                # A plain attribute: as a module it would be saved once for each decoder.
                del decoder.projection
                decoder.__dict__["projection"] = first.projection

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.of(0).projection.weight.device

    def of(self, value: int) -> LSTMDecoder:
        """Return the decoder of an attribute value; its codes are those of :meth:`code_of`."""
        decoder = self.decoders[0 if self.form == "joined" else value]
        assert isinstance(decoder, LSTMDecoder)
        return decoder

    def code_of(self, value: int, code: Tensor) -> Tensor:
        """Return what a value's decoder takes for a code. Shape (B, Z) to (B, Z), or (B, Z + A)."""
        if self.form != "joined":
            return code
        values = torch.full((len(code),), value, device=code.device)
        # The decoder multiplies all of its code by the gain, which is meant for unit vectors.
        told = functional.one_hot(values, self.attributes).to(code.dtype) / self.code_gain
        return torch.cat([code, told], dim=1)

    def nats(
        self,
        code: Tensor,
        batch: AttributeBatch,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
        read: AttributeBatch | None = None,
    ) -> Tensor:
        """Return the negative log-likelihood of sentences by their own values' decoders.

        Args:
            code: In the batch's order. Shape (B, Z).
            batch: The sentences to be predicted.
            dtype: Precision of the projection's matrix products.
            sample: See :meth:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder.nats`, as for ``read``.
            read: What the decoders read in place of the sentences' words.

        Returns:
            Nats summed over the batch, scalar.
        """
        codes = code.split([len(part) for part in batch.parts.values()])
        parts = batch.parts if read is None else read.parts
        nats = [
            self.part_nats(value, one, part, dtype=dtype, sample=sample, read=parts[value])
            for (value, part), one in zip(batch.parts.items(), codes, strict=True)
        ]
        return torch.stack(nats).sum()

    def part_nats(
        self,
        value: int,
        code: Tensor,
        part: TokenBatch,
        *,
        dtype: torch.dtype = torch.float32,
        sample: SoftmaxSample | None = None,
        read: TokenBatch | None = None,
    ) -> Tensor:
        """Return the same of sentences that all have one value. Scalar."""
        code = self.code_of(value, code)
        return self.of(value).nats(code, part, dtype=dtype, sample=sample, read=read)
