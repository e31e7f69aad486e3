"""Encoding of many sentences, in whatever order and batches are quickest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from arae_toolkit.data.token_batches import length_bucketed_batches
from arae_toolkit.devices import autocast_dtype
from arae_toolkit.nn.bilstm_encoder import BiLSTMEncoder
from arae_toolkit.nn.lstm_encoder import LSTMEncoder
from arae_toolkit.ops.packed_lstm import packs
from arae_toolkit.ops.prefix_lstm import PrefixLSTM, alphabetical_batches

MOST_KEPT_BYTES = 2**26
"""Of what is kept of the words that were met, from call to call: 64 MiB."""
MOST_KEPT_SENTENCES = 1024
"""A call of more sentences is not kept for the next."""


@dataclass(frozen=True)
class _Kept:
    """What is kept of an encoder.

    Attributes:
        encoder: Itself, so that no other takes its place in memory.
        state: Where its weights lie, and how often each was changed.
        readers: What reads sentences with these weights.
        rows: By sentence of the last call, its row of the table.
        table: The vectors of that call.
    """

    encoder: LSTMEncoder | BiLSTMEncoder
    state: object
    readers: tuple[PrefixLSTM, ...]
    rows: dict[tuple[int, ...], int]
    table: Tensor


class SentenceReader:
    """Reads sentences on a CPU in float32 and keeps what the next call may need.

    That is, while the weights stay the same, what words add to an encoder's gates, and the vectors
    of the last call: a premise comes with several hypotheses. Threads may share a reader: what two
    of them compute at once is the same. A copy, pickled or not, starts with nothing.
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: it is of other weights."""
        return SentenceReader, ()

    @torch.no_grad()
    def read(
        self,
        encoder: LSTMEncoder | BiLSTMEncoder,
        sentences: Sequence[tuple[int, ...]],
        vectors_of: Callable[..., Tensor],
    ) -> Tensor:
        """Return the vector of each sentence. Shape (B, Z), float32.

        Args:
            encoder: With float32 weights.
            sentences: B of ids, each ending in ``<eos>``.
            vectors_of: Returns the vectors of some; called with them and the encoder's readers.
        """
        kept = self._of(encoder)
        known = [sentence for sentence in sentences if sentence in kept.rows]
        fresh = [sentence for sentence in sentences if sentence not in kept.rows]
        parts = [kept.table[[kept.rows[sentence] for sentence in known]]] if known else []
        if fresh:
            parts.append(vectors_of(fresh, kept.readers))
        table, rows = torch.cat(parts), {one: row for row, one in enumerate([*known, *fresh])}
        if len(sentences) <= MOST_KEPT_SENTENCES:
            self._kept[id(encoder)] = replace(kept, rows=rows, table=table)
        return table[[rows[sentence] for sentence in sentences]] if known else table

    def _of(self, encoder: LSTMEncoder | BiLSTMEncoder) -> _Kept:
        """Return what is kept of an encoder, anew after a change, and once it is large."""
        weights = encoder.weights
        # Changes of weights that were made in inference mode are not counted.
        state = None
        if not any(weight.is_inference() for weight in weights):
            state = [(weight.data_ptr(), weight._version) for weight in weights]
        kept = self._kept.get(id(encoder))
        if kept is None or state is None or kept.state != state or kept.encoder is not encoder:
            return _Kept(encoder, state, encoder.readers(), {}, weights[0].new_empty(0))
        if sum(reader.input_gates.nbytes for reader in kept.readers) > MOST_KEPT_BYTES:
            return replace(kept, readers=encoder.readers())
        return kept


@torch.no_grad()
def encode_sentences(
    encoder: LSTMEncoder | BiLSTMEncoder, sentences: Sequence[list[int]], *, batch_size: int
) -> Tensor:
    """Return the code of each sentence.

    On a CPU the distinct beginnings of a batch are read once each, and by an encoder that reads
    backwards its distinct ends. To a GPU a step of the padded LSTM costs the same for more rows, so
    it would gain nothing.

    Args:
        encoder: On any device.
        sentences: Ids, each sentence ending in ``<eos>``.
        batch_size: Most sentences read together.

    Returns:
        In the order of the sentences. Shape (N, Z), float32, unit norm, on the encoder's device.
    """
    device = encoder.embedding.weight.device
    codes = torch.zeros(len(sentences), encoder.code_size, device=device)
    if packs(device) and autocast_dtype("cpu") is None:  # tries are read in float32
        readers = encoder.readers()
        for rows in alphabetical_batches(sentences, batch_size):
            read = [sentences[row] for row in rows]
            codes[torch.tensor(rows)] = encoder.codes_of(read, readers)
    else:
        for rows, batch in length_bucketed_batches(sentences, batch_size, device=device):
            codes[rows] = encoder(batch)
    return codes
