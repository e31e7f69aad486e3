"""The embedding of words, and weight tying (Press and Wolf, EACL 2017)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from arae_toolkit.data.word_vectors import WordVectors

Tying = Literal["none", "decoder", "all"]


class TokenEmbedding(nn.Embedding):
    """A vector for each word, with a gradient that suits a table that is shared.

    The gradient of a table that also scores words has all rows, from the softmax. To it a CPU adds
    the rows of the words that were read; otherwise these would be spread over zeros first, a table
    of V rows each time.
    """

    shared = False
    """Whether the table also scores words; see :func:`tie_embeddings`."""

    def forward(self, input: Tensor) -> Tensor:
        """Return the vectors of words. Shape (...), int64, to (..., E)."""
        # A GPU would have to count the words that are not padding, and wait for it.
        rows_only = self.shared and not input.is_cuda
        return functional.embedding(input, self.weight, self.padding_idx, sparse=rows_only)


def tie_embeddings(
    encoder: TokenEmbedding | None, decoder: TokenEmbedding, projection: nn.Linear, *, tying: Tying
) -> None:
    """Let encoder and decoder share tables of word vectors, of shape (V, E).

    A word's vector is moved by the gradients of all its uses. The softmax moves every vector in
    every iteration, where an embedding by itself moves only those of the words in the batch.

    Args:
        encoder: Of the words that the encoder reads; ``None`` without one.
        decoder: Of the words that the decoder reads.
        projection: Scores words.
        tying: ``decoder`` scores words by the vectors that the decoder reads; ``all`` lets the
            encoder read the same; ``none`` leaves all three tables apart.

    Raises:
        ValueError: If the vectors that the decoder reads and those it scores differ in size.
    """
    if tying != "none":
        read, scored = tuple(decoder.weight.shape), tuple(projection.weight.shape)
        if read != scored:
            raise ValueError(f"tables of shapes {read} and {scored} cannot be one")
        projection.weight = decoder.weight
        decoder.shared = True
    if tying == "all" and encoder is not None:
        encoder.weight = decoder.weight
        encoder.shared = True


@torch.no_grad()
def put_word_vectors(network: nn.Module, given: WordVectors, *, vocab_size: int) -> None:
    """Start every table of word vectors in a network from given ones; other words keep theirs.

    Args:
        network: With at least one table of shape (V, E).
        given: For some of its words.
        vocab_size: V.

    Raises:
        ValueError: If there is no such table, or its vectors are of another size.
    """
    tables = [
        part
        for part in network.modules()
        if isinstance(part, nn.Embedding) and part.num_embeddings == vocab_size
    ]
    if not tables:
        raise ValueError("no table of word vectors in this network")
    for table in tables:
        if table.embedding_dim != given.size:
            raise ValueError(
                f"word vectors of {given.size} numbers, embedding_size is {table.embedding_dim}"
            )
        vectors = torch.from_numpy(given.vectors).to(table.weight)
        table.weight[torch.from_numpy(given.ids)] = vectors
