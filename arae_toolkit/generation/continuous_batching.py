"""Continuous batching: where a sentence ends, the next code takes its slot.

So the matrix products of a step keep their size until the last code has found a slot, however
different in length the sentences are.

All of a step works on tensors of fixed shape and waits for nothing, so that a GPU can replay it as
a graph. On a CPU, where looking at numbers is free, slots that stay empty at the end are dropped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from arae_toolkit.data.vocabulary import BOS, EOS, PAD
from arae_toolkit.nn.lstm_decoder import DecoderState
from arae_toolkit.ops.cuda_graph import GraphedStep

CHECK_EVERY = 8
"""Steps between two looks whether a GPU is done."""

CAPTURED_ROUNDS = 8
"""Codes for each slot from which on it pays to capture the step as a graph."""

TokenSampler = Callable[[Tensor, Tensor | None], Tensor]
"""From scores (B, V) and uniform numbers (B,), if there are any, to words (B,)."""


class StepDecoder(Protocol):
    """What decoding needs of a decoder, such as the steps of an LSTM's."""

    def start(self, code: Tensor) -> DecoderState:
        """Return the state before the first word."""

    def step(self, state: DecoderState, previous: Tensor) -> tuple[Tensor, DecoderState]:
        """Return the next word's scores (B, V) and the next state, all free to be overwritten."""


class ContinuousBatcher:
    """Decodes codes into sentences, so many at a time.

    Threads may share one: its working memory serves one call after the other. A copy, pickled or
    not, starts with working memory of its own.

    Rows of the tables are codes; behind the last stands a row for slots without a code.

    Args:
        decoder: Makes scores.
        choose: Chooses words.
        count: Slots.
        capacity: Most codes in one call of :meth:`decode`.
        steps: Most words in a sentence.
        keep: Keep slots that stay empty, as a GPU needs it.
        capture: Replay the step as a CUDA graph where that is possible.
    """

    def __init__(
        self,
        decoder: StepDecoder,
        choose: TokenSampler,
        *,
        count: int,
        capacity: int,
        steps: int,
        keep: bool,
        capture: bool = True,
    ) -> None:
        """Take no memory yet: the first codes tell the shapes and the device."""
        self._decoder, self._choose = decoder, choose
        self._count, self._capacity, self._steps = min(count, capacity), capacity, steps
        self._keep, self._capture = keep, capture
        self._active = 0  # slots that are in use
        self._allocated = False
        self._one_at_a_time = threading.Lock()
        self.graph: GraphedStep | None = None  # once there was a step to run on a GPU

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: memory, graph and lock stay with this one."""
        made = partial(
            ContinuousBatcher,
            self._decoder,
            self._choose,
            count=self._count,
            capacity=self._capacity,
            steps=self._steps,
            keep=self._keep,
            capture=self._capture,
        )
        return made, ()

    @torch.no_grad()
    def decode(self, code: Tensor, uniform: Tensor | None = None) -> Tensor:
        """Return the ids of one sentence per code.

        Args:
            code: Shape (N, Z), N at most ``capacity``.
            uniform: Random numbers in [0, 1) to choose by. Shape (N, steps).

        Returns:
            Right-padded ids, ``<eos>`` last unless the sentence was cut. Shape (N, steps).
        """
        if len(code) == 0:
            return torch.full((0, self._steps), PAD, dtype=torch.int64, device=code.device)
        with self._one_at_a_time:
            self._fill(code, uniform)
            if self._keep:
                graph = self.graph
                while True:
                    for _ in range(CHECK_EVERY):
                        if graph is None:
                            self._step()
                        else:
                            graph(self._step)
                    if not bool((self._row != self._capacity).any()):
                        break
            else:
                while self._active > 0:
                    self._step()
                    self._drop_empty_slots(len(code))
            return self._words[: len(code)].clone()

    def _allocate(self, start: DecoderState, uniform: Tensor | None) -> None:
        """Take the memory that every call uses."""
        self._allocated, device = True, start.hidden.device
        rows, count = self._capacity + 1, self._count
        self._start = DecoderState(
            *(values.new_zeros((rows, *values.shape[1:])) for values in start)
        )
        self._uniform = None if uniform is None else uniform.new_zeros(rows, self._steps)
        self._words = torch.empty(rows, self._steps, dtype=torch.int64, device=device)
        # How many codes there are, and how many have been offered a slot.
        self._limit = torch.zeros((), dtype=torch.int64, device=device)
        self._taken = torch.zeros((), dtype=torch.int64, device=device)
        self._row = torch.zeros(count, dtype=torch.int64, device=device)
        self._position = torch.zeros_like(self._row)
        self._previous = torch.zeros_like(self._row)
        self._hidden = torch.zeros_like(self._start.hidden[:count])
        self._cell = torch.zeros_like(self._start.cell[:count])
        self._code_gates = torch.empty_like(self._start.code_gates[:0])
        many = self._capacity >= CAPTURED_ROUNDS * count
        if self._keep and self._capture and many and device.type == "cuda":
            self.graph = GraphedStep(device)

    def _fill(self, code: Tensor, uniform: Tensor | None) -> None:
        """Put codes into the tables and the first of them into slots."""
        start = self._decoder.start(code)
        if not self._allocated:
            self._allocate(start, uniform)
        for table, values in zip(self._start, start, strict=True):
            table[: len(code)] = values
        if uniform is not None and self._uniform is not None:
            self._uniform[: len(code)] = uniform
        self._words.fill_(PAD)
        self._limit.fill_(len(code))
        self._taken.fill_(self._count)
        self._active = self._count
        row = torch.arange(self._count, device=code.device)
        self._row.copy_(row.masked_fill_(row >= len(code), self._capacity))
        self._position.zero_()
        self._previous.fill_(BOS)
        if self._keep:
            self._hidden.copy_(self._start.hidden[self._row])
            self._cell.copy_(self._start.cell[self._row])
        else:
            self._hidden, self._cell, self._code_gates = self._start.rows(self._row)
            self._drop_empty_slots(len(code))

    def _step(self) -> None:
        """Choose a word in each slot; where a sentence ends, let the next code in."""
        row, position = self._row[: self._active], self._position[: self._active]
        previous = self._previous[: self._active]
        hidden, cell = self._hidden[: self._active], self._cell[: self._active]
        if self._keep:
            gates = self._start.code_gates.index_select(0, row)
        else:
            gates = self._code_gates[: self._active]
        scores, state = self._decoder.step(DecoderState(hidden, cell, gates), previous)
        chosen = self._choose(
            scores, None if self._uniform is None else self._uniform[row, position]
        )
        self._words[row, position] = chosen
        position += 1
        ended = (chosen == EOS) | (position == self._steps)
        following = ended.cumsum(dim=0) + (self._taken - 1)
        self._taken += ended.sum()
        following.masked_fill_(following >= self._limit, self._capacity)
        torch.where(ended, following, row, out=row)
        position.masked_fill_(ended, 0)
        previous.copy_(chosen.masked_fill(ended, BOS))
        if not self._keep:
            self._admit(state, ended)
            return
        fresh = ended[:, None]
        first_hidden = self._start.hidden.index_select(0, row)
        first_cell = self._start.cell.index_select(0, row)
        torch.where(fresh, first_hidden, state.hidden, out=hidden)
        torch.where(fresh, first_cell, state.cell, out=cell)

    def _admit(self, state: DecoderState, ended: Tensor) -> None:
        """Keep the state after a step, with the first state of the next code where one ended."""
        self._hidden, self._cell, _ = state
        slots = ended.nonzero()[:, 0]
        if len(slots) > 0:
            first = self._start.rows(self._row[slots])
            self._hidden[slots], self._cell[slots] = first.hidden, first.cell
            self._code_gates[slots] = first.code_gates

    def _drop_empty_slots(self, codes: int) -> None:
        """Move the slots in use to the front, once no code is waiting."""
        if int(self._taken) <= codes:
            return
        used = (self._row[: self._active] != self._capacity).nonzero()[:, 0]
        if len(used) == self._active:
            return
        self._active = len(used)
        for values in (self._row, self._position, self._previous):
            values[: self._active] = values[used]
        # The decoder made the states, and its tensors may be one and the same: no write in place.
        self._hidden, self._cell = self._hidden[used], self._cell[used]
        self._code_gates = self._code_gates[used]
