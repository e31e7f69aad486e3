"""One table of word vectors for all who need one (Press and Wolf, EACL 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # sizes are checked before torch is needed, which takes seconds to load
    from torch import nn

    from arae_toolkit.nn.embedding import TokenEmbedding

Tying = Literal["none", "decoder", "all"]


class ReadsWords(Protocol):
    """A network with a vector for each word that it reads."""

    embedding: TokenEmbedding


class WritesWords(ReadsWords, Protocol):
    """One that scores words as well."""

    projection: nn.Linear


class Sizes(Protocol):
    """The settings that decide whether a table can be shared."""

    @property
    def tied_embeddings(self) -> Tying:
        """See :func:`tie`."""
        ...

    @property
    def embedding_size(self) -> int:
        """E."""
        ...

    @property
    def scoring_size(self) -> int:
        """Columns of the softmax's table."""
        ...

    @property
    def output_map(self) -> bool:
        """See :class:`~arae_toolkit.nn.lstm_decoder.LSTMDecoder`."""
        ...


def check_tying(sizes: Sizes) -> None:
    """Refuse settings whose tables cannot be one.

    Raises:
        ValueError: If what reads words and what scores them have vectors of different sizes.
    """
    if sizes.tied_embeddings != "none" and sizes.embedding_size != sizes.scoring_size:
        raise ValueError(
            f"tied_embeddings={sizes.tied_embeddings} needs embedding_size "
            f"({sizes.embedding_size}) and hidden_size ({sizes.scoring_size}) to be the same; set "
            "both alike, or output_map=true between them, or tied_embeddings=none"
        )


def check_separate(sizes: Sizes) -> None:
    """Refuse settings that several decoders, each with a table of its own, cannot have.

    Raises:
        ValueError: If a table is to be shared, or a map is to stand before one.
    """
    asked = (("tied_embeddings", sizes.tied_embeddings != "none"), ("output_map", sizes.output_map))
    for name, wanted in asked:
        if wanted:
            raise ValueError(
                f"{name}: the decoders of a transfer model have a table of word vectors each"
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
        ValueError: If the vectors that the decoder reads and those it scores differ in size.
    """
    if tying != "none":
        read, scored = tuple(decoder.embedding.weight.shape), tuple(decoder.projection.weight.shape)
        if read != scored:
            raise ValueError(f"tables of shapes {read} and {scored} cannot be one")
        decoder.projection.weight = decoder.embedding.weight
        decoder.embedding.shared = True
    if tying == "all":
        encoder.embedding.weight = decoder.embedding.weight
        encoder.embedding.shared = True
