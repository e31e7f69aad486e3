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
        beyond = (columns >= batch.lengths[:, None])[:, :, None]
        found = largest_responses(words, beyond, widths=self.widths, filters=self.filters).relu()
        return self.output(seeded_dropout(found, dropout, generator))  # type: ignore[no-any-return]


def largest_responses(
    states: Tensor, beyond: Tensor, *, widths: Sequence[int], filters: nn.ModuleList
) -> Tensor:
    """Return the largest response of each filter to each sequence. Shape (B, number of filters).

    Args:
        states: Of B sequences. Shape (B, T, H).
        beyond: What of them is padding. Shape (B, T, 1), bool.
        widths: States that filters see, for each layer of them.
        filters: A linear layer of ``width * H`` inputs for each width.
    """
    responses = []
    for width, layer in zip(widths, filters, strict=True):
        # Nothing stands before a sequence, so that a filter ends at each state and no other.
        seen = functional.pad(states, (0, 0, width - 1, 0)).unfold(1, width, 1)
        response = layer(seen.transpose(2, 3).flatten(2)).float()
        responses.append(response.masked_fill(beyond, MASKED).amax(dim=1))
    return torch.cat(responses, dim=1)
