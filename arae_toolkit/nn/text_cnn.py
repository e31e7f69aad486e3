"""The text CNN, which classifies a text by its attribute (after Kim, 2014)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.noise import seeded_dropout
from arae_toolkit.data.token_batches import TokenBatch
from arae_toolkit.data.vocabulary import PAD
from arae_toolkit.nn.bilstm_encoder import MASKED


class TextCNN(nn.Module):
    """Filters over one to a few neighbouring words; the largest response of each is kept.

    Args:
        vocab_size: V.
        attributes: A.
        embedding_size: E.
        filters: Of each width.
        widths: Words a filter sees.
    """

    def __init__(
        self,
        vocab_size: int,
        *,
        attributes: int,
        embedding_size: int = 128,
        filters: int = 128,
        widths: Sequence[int] = (1, 2, 3),
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.embedding = nn.Embedding(vocab_size, embedding_size, padding_idx=PAD)
        self.filters = nn.ModuleList(
            nn.Linear(width * embedding_size, filters) for width in self.widths
        )
        self.output = nn.Linear(filters * len(self.widths), attributes)

    @torch.no_grad()
    def initialize(self, generator: torch.Generator) -> None:
        """Draw starting weights."""
        for parameter in self.parameters():
            spread = 0.1 if parameter.ndim == 1 else parameter.shape[1] ** -0.5
            parameter.uniform_(-spread, spread, generator=generator)
        self.embedding.weight[PAD] = 0

    def forward(
        self, batch: TokenBatch, *, dropout: float = 0.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return scores of the values before the softmax. Shape (B, A).

        Args:
            batch: Sentences. ``<eos>`` is a word like others, so that a filter can see the end.
            dropout: Share of the responses set to 0.
            generator: Source of the dropout; ``None`` turns it off.
        """
        words = self.embedding(batch.tokens)
        columns = torch.arange(batch.tokens.shape[1], device=batch.device)
        responses = []
        for width, layer in zip(self.widths, self.filters, strict=True):
            # Padding before the sentence, so that a filter starts at each real token and no other.
            seen = functional.pad(words, (0, 0, width - 1, 0)).unfold(1, width, 1)
            response = layer(seen.transpose(2, 3).flatten(2)).float()
            real = (columns < batch.lengths[:, None])[:, :, None]
            responses.append(response.masked_fill(~real, MASKED).amax(dim=1).relu())
        features = seeded_dropout(torch.cat(responses, dim=1), dropout, generator)
        return self.output(features)  # type: ignore[no-any-return]
