"""The table of word vectors."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class TokenEmbedding(nn.Embedding):
    """A vector for each word, with a gradient that suits a table that is shared.

    The gradient of a table that also scores words has all rows, from the softmax. To it a CPU adds
    the rows of the words that were read; otherwise these would be spread over zeros first, a table
    of V rows each time.
    """

    shared = False
    """Whether the table also scores words; see :func:`~arae_toolkit.nn.weight_tying.tie`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the vectors of words. Shape (...), int64, to (..., E)."""
        # A GPU would have to count the words that are not padding, and wait for it.
        rows_only = self.shared and not input.is_cuda
        return functional.embedding(input, self.weight, self.padding_idx, sparse=rows_only)
