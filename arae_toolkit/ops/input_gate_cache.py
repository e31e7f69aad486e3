"""What words add to the gates of an LSTM, each word's computed once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class WordGates:
    """The product of an LSTM's input weights and a word, kept for the next time the word is met.

    It is the same wherever the word stands. The weights must not change meanwhile.

    Args:
        embedding: Of the words. Shape (V, E).
        matrix: From a word's embedding to the gates. Shape (4H, E), of the embedding's type.
        bias: Added to the gates, if given. Shape (4H,).
    """

    def __init__(self, embedding: Tensor, matrix: Tensor, bias: Tensor | None = None) -> None:
        """Compute nothing yet on a CPU; a GPU has the whole table sooner than it can look."""
        self._embedding, self._matrix, self._bias = embedding, matrix, bias
        # On a CPU a page of this memory is taken only once a word in it is met.
        self._table = torch.empty(len(embedding), len(matrix), device=embedding.device)
        self._met = torch.zeros(len(embedding), dtype=torch.bool)
        if self._table.is_cuda:
            self._table.copy_(functional.linear(embedding, matrix, bias))

    def meet(self, words: Tensor) -> None:
        """Compute what words add, where that has not been done. Shape (B,), int64."""
        if self._table.is_cuda:
            return
        fresh = words[~self._met[words]]
        if len(fresh) == 0:
            return
        fresh = fresh.unique()
        gates = functional.linear(self._embedding[fresh], self._matrix, self._bias)
        self._table.index_copy_(0, fresh, gates.float())
        self._met[fresh] = True

    def of(self, words: Tensor) -> Tensor:
        """Return what words add that have been met. Shape (B,) to (B, 4H), float32, a copy."""
        return self._table.index_select(0, words)
