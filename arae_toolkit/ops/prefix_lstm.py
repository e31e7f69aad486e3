"""The prefix LSTM: sentences as a trie, each distinct beginning read once.

Sentences that begin alike pass through the same states as long as they do. Those of captions share
about a quarter of their tokens, if they are read in alphabetical order, and no sentence is padded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

import numpy as np
import torch
from torch import Tensor, nn

from arae_toolkit.data.packed_sequence import Indices
from arae_toolkit.ops.packed_lstm import InputGateCache, cell_step

MOST_TOKENS = 65_536  # of the sentences read together
_PLACE_BITS = 32  # a beginning is found by where its own beginning stands, and its last word


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
    ends: tuple[list[int], ...]
    rows: tuple[list[int], ...]

    @classmethod
    def of(cls, sentences: Sequence[Sequence[int]]) -> PrefixTree:
        """Find the beginnings of sentences of ids, none empty, each once."""
        lengths = list(map(len, sentences))
        found: list[dict[int, int]] = [{} for _ in range(max(lengths))]
        ends: tuple[list[int], ...] = tuple([] for _ in found)
        rows: tuple[list[int], ...] = tuple([] for _ in found)
        for row, (sentence, length) in enumerate(zip(sentences, lengths, strict=True)):
            place = 0
            for beginnings, word in zip(found, sentence, strict=False):
                key = place << _PLACE_BITS | word
                place = beginnings.setdefault(key, len(beginnings))
            ends[length - 1].append(place)
            rows[length - 1].append(row)
        keys = np.fromiter(chain.from_iterable(found), dtype=np.int64)
        words, parents = keys & (1 << _PLACE_BITS) - 1, keys >> _PLACE_BITS
        return cls(words, parents, tuple(map(len, found)), ends, rows)

    def in_place(self, length: int) -> bool:
        """Return whether each beginning of a length prolongs the one that stands where it does."""
        if length == 1 or self.ends[length - 2]:
            return False
        return self.counts[length - 1] == self.counts[length - 2]  # for each goes on at least once


def alphabetical_batches(sentences: Sequence[list[int]], batch_size: int) -> Iterator[list[int]]:
    """Yield the row numbers of sentences in batches, in alphabetical order of ids.

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
        if start < end:
            yield order[start:end]


class PrefixLSTM:
    """An LSTM that reads tries on a CPU, in float32 and without gradients.

    What it keeps holds as long as the weights stay the same.

    Args:
        lstm: One layer, one direction, its inputs the embeddings of words.
        embedding: Of the words.
    """

    def __init__(self, lstm: nn.LSTM, embedding: nn.Embedding) -> None:
        from_input, from_state, *biases = (weight.detach() for weight in lstm.all_weights[0])
        self.input_gates = InputGateCache(
            embedding.weight.detach(), from_input, biases[0] + biases[1]
        )
        # As it lies in the LSTM it takes a third longer to multiply a row or two by.
        self._from_state = from_state.t().contiguous()

    @torch.no_grad()
    def last_states(self, tree: PrefixTree) -> Tensor:
        """Return the state at the end of each of B sentences. Shape (B, H), float32."""
        return _at_ends(tree, (state for state, _ in self._states(tree)))

    @torch.no_grad()
    def highest_states(self, tree: PrefixTree) -> Tensor:
        """Return the maximum over each sentence's states, by coordinates. Shape (B, H), float32."""
        return _at_ends(tree, _highest(self._states(tree)))

    def _states(self, tree: PrefixTree) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Yield the states after the beginnings of each length, and which before they prolong.

        Yields:
            Shapes (n, H) and (n,); ``None`` where each prolongs the one in its place, or none.
        """
        words, parents = torch.from_numpy(tree.words), torch.from_numpy(tree.parents)
        self.input_gates.fill(words)
        hidden: Tensor | None = None
        cell: Tensor | None = None
        counts, before = tree.counts, None
        for length, (own, above) in enumerate(
            zip(words.split(counts), parents.split(counts), strict=True), start=1
        ):
            gates = self.input_gates.of(own)
            if hidden is not None and cell is not None:
                before = None if tree.in_place(length) else above
                if before is not None:
                    hidden, cell = hidden.index_select(0, before), cell.index_select(0, before)
                gates.addmm_(hidden, self._from_state)
            hidden, cell = cell_step(gates, cell)
            yield hidden, before


def _highest(states: Iterable[tuple[Tensor, Tensor | None]]) -> Iterator[Tensor]:
    """Yield the maximum over all states on the way to each beginning. Shape (n, H)."""
    highest: Tensor | None = None
    for hidden, before in states:
        if highest is None:
            highest = hidden
        else:
            upto = highest if before is None else highest.index_select(0, before)
            highest = torch.maximum(upto, hidden)
        yield highest


def _at_ends(tree: PrefixTree, values: Iterable[Tensor]) -> Tensor:
    """Return the rows of each length's values at which sentences end. Shape (B, H)."""
    found = [
        value.index_select(0, _indices(ends))
        for value, ends in zip(values, tree.ends, strict=True)
        if ends
    ]
    together = torch.cat(found)
    rows = _indices(list(chain.from_iterable(tree.rows)))
    return torch.empty_like(together).index_copy_(0, rows, together)


def _indices(places: list[int]) -> Tensor:
    """Return numbers as a tensor, sooner than torch makes one of a list."""
    return torch.from_numpy(np.array(places, dtype=np.int64))
