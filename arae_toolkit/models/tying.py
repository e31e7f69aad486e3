"""One table of word vectors for all who need one (Press and Wolf, EACL 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # sizes are checked before torch is needed, which takes seconds to load
    from torch import nn

Tying = Literal["none", "decoder", "all"]


class ReadsWords(Protocol):
    """A network with a vector for each word that it reads."""

    embedding: nn.Embedding


class WritesWords(ReadsWords, Protocol):
    """One that scores words as well."""

    projection: nn.Linear


def check_tying(
    tying: Tying, *, embedding_size: int, hidden_size: int, output_map: bool = False
) -> None:
    """Refuse sizes that cannot share a table.

    Args:
        tying: See :func:`tie`.
        embedding_size: E.
        hidden_size: H.
        output_map: Whether a map from H to E dimensions comes before the scores.

    Raises:
        ValueError: If what reads words and what scores them have vectors of different sizes.
    """
    if tying != "none" and embedding_size != hidden_size and not output_map:
        raise ValueError(
            f"tied_embeddings={tying} needs embedding_size ({embedding_size}) and hidden_size "
            f"({hidden_size}) to be the same; set both alike, or output_map=true between them, "
            "or tied_embeddings=none"
        )


def tie(encoder: ReadsWords, decoder: WritesWords, *, tying: Tying) -> None:
    """Let encoder and decoder share tables of word vectors, of shape (V, E).

    A word's vector is moved by the gradients of all its uses. The softmax moves every vector in
    every iteration, where an embedding by itself moves only those of the words in the batch.

    Args:
        encoder: Reads words.
        decoder: Reads words and scores them.
        tying: ``decoder`` scores words by the vectors that the decoder reads; ``all`` lets the
            encoder read the same; ``none`` leaves all three tables apart.

    Raises:
        ValueError: See :func:`check_tying`.
    """
    check_tying(
        tying,
        embedding_size=decoder.embedding.embedding_dim,
        hidden_size=decoder.projection.in_features,
    )
    if tying != "none":
        decoder.projection.weight = decoder.embedding.weight
    if tying == "all":
        encoder.embedding.weight = decoder.embedding.weight
