"""CUDA graphs of whole iterations: captured once for each shape, replayed without the host.

An iteration of this model is some thousand small kernels, and launching them one by one takes the
host longer than running them takes the GPU. A captured graph launches all of them at once. It
always works on the same memory, so the rows and scalars of an iteration are copied there first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from arae_toolkit.data.token_batches import Batch, Store
from arae_toolkit.ops.cuda_graph import capturing, end_failed_capture
from arae_toolkit.optim.update import Scalars
from arae_toolkit.pretraining.plan import RECONSTRUCTION, IterationPlan

# Widths up to here have a graph each; longer ones share, so that graphs do not grow too many.
EXACT_WIDTH, WIDTH_MULTIPLE = 16, 4

Shape = tuple[int, int]
"""GAN rounds, and tokens of the reconstruction's longest sentence, perhaps rounded up."""


class StaticSource:
    """Rows and scalars of one iteration at fixed places of the device's memory.

    Args:
        plan: Any plan of this shape: gives the names and sizes.
        store: The rows.
        width: Tokens that the reconstruction's sentences are padded to. All others are padded to
            the longest of the store.
    """

    def __init__(self, plan: IterationPlan, store: Store, *, width: int) -> None:
        self.store, self.width = store, width
        self.longest = int(store.host_lengths.max())
        sizes = [len(rows) for rows in plan.rows.values()]
        self._rows = torch.zeros(sum(sizes), dtype=torch.int64, device=store.device)
        self._scalars = torch.zeros(len(plan.scalars), device=store.device)
        self._rows_of = dict(zip(plan.rows, self._rows.split(sizes), strict=True))
        self._scalar_of = dict(zip(plan.scalars, self._scalars.unbind(), strict=True))

    def load(self, plan: IterationPlan) -> None:
        """Copy the rows and scalars of a plan, without waiting for the device."""
        rows = torch.from_numpy(np.concatenate([plan.rows[name] for name in self._rows_of]))
        scalars = torch.tensor([plan.scalars[name] for name in self._scalar_of])
        if self.store.device.type == "cuda":
            # Memory that the copy may still read is not given to another tensor: torch's host
            # allocator sees to it.
            rows, scalars = rows.pin_memory(), scalars.pin_memory()
        self._rows.copy_(rows, non_blocking=True)
        self._scalars.copy_(scalars, non_blocking=True)

    def batches(self, name: str) -> tuple[Sequence[Batch], Tensor | None]:
        """Return the rows as one batch, in their order."""
        width = self.width if name == RECONSTRUCTION else self.longest
        return [self.store.batch_on_device(self._rows_of[name], width=width)], None

    def scalar(self, name: str) -> Tensor:
        """Return a scalar tensor."""
        return self._scalar_of[name]


@dataclass
class _Slot:
    """One shape: its fixed memory and, once captured, its graph and what that leaves."""

    source: StaticSource
    graph: torch.cuda.CUDAGraph | None = None
    scalars: Scalars = field(default_factory=dict)


class GraphedIterations:
    """Runs iterations from fixed memory; on a CUDA device as graphs.

    The first iteration of a shape runs operation by operation, which prepares libraries and
    optimizers; the second is captured. Should a capture fail, everything runs operation by
    operation from there on, with the same results.

    Args:
        run: Runs an iteration, given its source and its number of GAN rounds.
        store: The rows.
        generator: The one source of randomness in ``run``.
        seed: Seeds that generator for an iteration.
        clear: Removes what a failed capture may have left, such as gradients.
        capture: Whether to capture at all.
        note: Told in one line which way iterations run.
    """

    def __init__(
        self,
        run: Callable[[StaticSource, int], Scalars],
        store: Store,
        *,
        generator: torch.Generator,
        seed: Callable[[int], None],
        clear: Callable[[], None],
        capture: bool,
        note: Callable[[str], None],
    ) -> None:
        self._run, self._store, self._generator = run, store, generator
        self._seed, self._clear, self._note = seed, clear, note
        self._slots: dict[Shape, _Slot] = {}
        self._pool: Any = None
        self._stream: torch.cuda.Stream | None = None
        self.capture = capture

    def shape(self, plan: IterationPlan) -> Shape:
        """Return what two iterations must share to run from the same graph."""
        width = self._store.width(plan.rows[RECONSTRUCTION])
        if width > EXACT_WIDTH:
            longest = int(self._store.host_lengths.max())
            width = min(-(-width // WIDTH_MULTIPLE) * WIDTH_MULTIPLE, longest)
        return plan.rounds, width

    @property
    def graphs(self) -> int:
        """How many shapes have been captured."""
        return sum(slot.graph is not None for slot in self._slots.values())

    def __call__(self, plan: IterationPlan) -> Scalars:
        """Run an iteration; what it returns holds until the next one."""
        shape = self.shape(plan)
        slot = self._slots.get(shape)
        fresh = slot is None
        if slot is None:
            slot = _Slot(StaticSource(plan, self._store, width=shape[1]))
            self._slots[shape] = slot
        slot.source.load(plan)
        if self.capture and slot.graph is None and not fresh:
            self._capture(slot, plan)
        self._seed(plan.iteration)
        if slot.graph is None:
            return self._run(slot.source, plan.rounds)
        slot.graph.replay()
        return slot.scalars

    def _capture(self, slot: _Slot, plan: IterationPlan) -> None:
        """Record the iteration of this shape; nothing is computed yet."""
        try:
            graph = torch.cuda.CUDAGraph()
            graph.register_generator_state(self._generator)
            # Graphs are replayed one after the other, and what one leaves is read before the next
            # one runs: they can share their memory.
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            self._stream = self._stream or torch.cuda.Stream(self._store.device)
            with capturing(graph, self._stream, pool=self._pool):
                slot.scalars = self._run(slot.source, plan.rounds)
        except (RuntimeError, AttributeError) as error:
            self.capture = False
            self._clear()
            end_failed_capture(self._store.device, self._generator)
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            self._note(f"CUDA graphs are off ({reason}); iterations run operation by operation")
            return
        if not self.graphs:
            self._note("iterations run as CUDA graphs")
        slot.graph = graph
