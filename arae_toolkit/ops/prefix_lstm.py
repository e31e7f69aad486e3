"""The prefix LSTM: sentences as a trie, each distinct beginning read once.

Sentences that begin alike pass through the same states as long as they do. Read in alphabetical
order, those of captions share about a quarter of their tokens, and no sentence is padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.ops.packed_lstm import InputGateCache, cell_step

MOST_TOKENS = 65_536  # of the sentences read together


@dataclass(frozen=True)
class PrefixTree:
    """The distinct beginnings of some sentences, shorter ones first.

    Attributes:
        words: Last word of each of N beginnings. Shape (N,).
        parents: For each beginning, the place of the one it prolongs among those of its length;
            0 for first words. Shape (N,).
        counts: Number of beginnings of each length.
        ends: For each length, the places that whole sentences have among its beginnings.
        rows: For each length, the sentences that end there.
    """

    words: Indices
    parents: Indices
    counts: tuple[int, ...]
    ends: tuple[Indices, ...]
    rows: tuple[Indices, ...]

    @classmethod
    def of(cls, sentences: Sequence[Sequence[int]]) -> PrefixTree:
        """Find the beginnings of sentences of ids, none empty, that are in alphabetical order.

        In another order they would share less: each is compared with the one before it alone.
        """
        lengths = np.array([len(sentence) for sentence in sentences])
        starts = np.cumsum(lengths) - lengths
        tokens = np.concatenate([np.asarray(sentence, dtype=np.int64) for sentence in sentences])
        owners = np.repeat(np.arange(len(sentences)), lengths)
        depths = np.arange(len(tokens)) - starts[owners]
        fresh = depths >= _shared(tokens, lengths, starts, owners, depths)[owners]
        by_depth = np.argsort(depths, kind="stable")
        # Of a beginning that is not fresh, the sentence before has the same one: they are
        # neighbours, and so in this order a number is carried over to all who share it.
        numbers = np.empty(len(tokens), dtype=np.int64)
        numbers[by_depth] = np.cumsum(fresh[by_depth]) - 1
        nodes = by_depth[fresh[by_depth]]
        counts = np.bincount(depths[nodes])
        offsets = np.cumsum(counts) - counts
        before = np.where(depths[nodes] > 0, nodes - 1, nodes)
        parents = numbers[before] - offsets[depths[before]]
        last = starts + lengths - 1
        by_length = np.argsort(lengths, kind="stable")
        places = (numbers[last] - offsets[lengths - 1])[by_length]
        cuts = np.cumsum(np.bincount(lengths - 1))[:-1]
        return cls(
            tokens[nodes],
            parents,
            tuple(counts.tolist()),
            tuple(np.split(places, cuts)),
            tuple(np.split(by_length, cuts)),
        )


def _shared(
    tokens: Indices, lengths: Indices, starts: Indices, owners: Indices, depths: Indices
) -> Indices:
    """Return how many words each sentence begins with as the one before does. Shape (B,)."""
    previous = np.maximum(owners - 1, 0)
    inside = (owners > 0) & (depths < lengths[previous])
    other = np.where(inside, starts[previous] + depths, 0)
    alike = inside & (tokens[other] == tokens)
    longest = len(tokens)
    shared: Indices = np.minimum.reduceat(np.where(alike, longest, depths), starts)
    return np.minimum(shared, lengths)


def alphabetical_batches(
    sentences: Sequence[list[int]], batch_size: int
) -> Iterator[tuple[list[int], PrefixTree]]:
    """Yield sentences in alphabetical order of ids, with the row numbers of each batch.

    Args:
        sentences: Ids, each sentence ending in ``<eos>``.
        batch_size: Most sentences of a batch, which ends early at :data:`MOST_TOKENS`.
    """
    order = sorted(range(len(sentences)), key=sentences.__getitem__)
    ends = list(accumulate(len(sentences[row]) for row in order))
    cuts, begun = [0], 0
    for place in range(1, len(order)):
        if place - cuts[-1] == batch_size or ends[place] - begun > MOST_TOKENS:
            cuts.append(place)
            begun = ends[place - 1]
    for start, end in pairwise([*cuts, len(order)]):
        rows = order[start:end]
        if rows:
            yield rows, PrefixTree.of([sentences[row] for row in rows])


@torch.no_grad()
def last_states(from_state: Tensor, input_gates: InputGateCache, tree: PrefixTree) -> Tensor:
    """Return the state at the end of each sentence of an LSTM on a CPU. Shape (B, H), float32.

    Args:
        from_state: The LSTM's recurrent weights. Shape (4H, H), float32.
        input_gates: What words, and the biases, add to its gates.
        tree: Of the B sentences.
    """
    matrix = from_state.t()
    last = from_state.new_empty(sum(map(len, tree.rows)), len(matrix))
    words, parents = torch.from_numpy(tree.words), torch.from_numpy(tree.parents)
    input_gates.fill(words)
    hidden: Tensor | None = None
    cell: Tensor | None = None
    offsets = pairwise([0, *accumulate(tree.counts)])
    for (start, end), ends, rows in zip(offsets, tree.ends, tree.rows, strict=True):
        gates = input_gates.of(words[start:end])
        if hidden is not None and cell is not None:
            before = parents[start:end]
            gates.addmm_(hidden.index_select(0, before), matrix)
            cell = cell.index_select(0, before)
        hidden, cell = cell_step(gates, cell)
        if len(rows):
            last[torch.from_numpy(rows)] = hidden[torch.from_numpy(ends)]
    return last
