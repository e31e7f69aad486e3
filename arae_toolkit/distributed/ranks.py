"""Ranks: processes that share out the rows of a batch and add up what each has made of its own.

Each process draws what is random for the whole batch, in the same order, and computes encoder and
decoder for its own rows alone. Codes are so small that every process has those of all rows, and
does all that happens to them (noise, critic, generator, flow) as one process would; only gradients
of networks that saw a share of the rows are added up. N processes so compute what one computes,
but for the order of sums.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

from arae_toolkit.errors import ToolkitError

SIZE_VARIABLE = "WORLD_SIZE"
"""By which torchrun tells a process of how many it is one."""

LONGEST_WAIT = timedelta(hours=12)
"""While the first process measures, prepares or trains what is small, the others wait; whoever is
gone is noticed at once."""
TABLE = 4
"""A gradient with more than so many rows to a column is a table's, of which a batch may have met
few words. Weights of LSTMs have four, and a gradient in all of them."""
FEW = 0.5
"""Rows are picked where they are at most this share of a table."""
LETTING_GO = 0.2
"""Seconds before the others are left; see :func:`left`."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ranks:
    """The processes of a run, of which this is one.

    Attributes:
        size: How many.
        rank: Which one this is, from 0. The first one writes and reports.
    """

    size: int = 1
    rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    def rows(self, count: int) -> slice:
        """Return which of a batch's rows are this process's: one that counts nothing, if none is.

        Whoever has no row goes through the motions with one, so that all processes meet in the
        same messages; see :meth:`weight`.

        Example:
            >>> [Ranks(3, rank).rows(64) for rank in range(3)]
            [slice(0, 21, None), slice(21, 42, None), slice(42, 64, None)]
        """
        start, end = count * self.rank // self.size, count * (self.rank + 1) // self.size
        return slice(start, end) if end > start else slice(0, 1)

    def weight(self, count: int) -> float:
        """Return 1, or 0 where the row of :meth:`rows` is another process's.

        Example:
            >>> [(Ranks(3, rank).rows(2), Ranks(3, rank).weight(2)) for rank in range(3)]
            [(slice(0, 1, None), 0.0), (slice(0, 1, None), 1.0), (slice(1, 2, None), 1.0)]
        """
        return float(count * (self.rank + 1) // self.size > count * self.rank // self.size)

    def gathered(self, own: Tensor, count: int) -> Tensor:
        """Return all rows of a batch, of which each process has made its own.

        What follows must be the same in every process: each takes the gradient of its rows.

        Args:
            own: Of the rows of :meth:`rows`. Shape (their number, ...).
            count: B.

        Returns:
            Shape (B, ...).
        """
        return own if self.size == 1 else _Gathered.apply(own, self, count)  # type: ignore[no-untyped-call]

    def shared(self, whole: Tensor) -> Tensor:
        """Return what every process has, to be used for the own rows: its gradients are added up.

        Args:
            whole: The same in every process.
        """
        return whole if self.size == 1 else _Shared.apply(whole)  # type: ignore[no-untyped-call]

    def summed(self, part: Tensor) -> Tensor:
        """Return the sum over processes; each part has the gradient of the sum."""
        return part if self.size == 1 else _Summed.apply(part)  # type: ignore[no-untyped-call]

    def added(self, part: Tensor) -> Tensor:
        """Return the sum over processes, each of which uses it for its own rows.

        The gradient of a part is the sum of what the processes' uses of the sum give.
        """
        return part if self.size == 1 else _Added.apply(part)  # type: ignore[no-untyped-call]

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients that processes have of the same parameters, in one message.

        Of a table of words only the rows that some process has a gradient for are sent.
        """
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        chosen = _rows_to_send(gradients)
        sent = [g if rows is None else g[rows] for g, rows in zip(gradients, chosen, strict=True)]
        flat = torch.cat([part.flatten() for part in sent])
        _add_up(flat)
        sums = flat.split([part.numel() for part in sent])
        for gradient, rows, part, total in zip(gradients, chosen, sent, sums, strict=True):
            gradient[slice(None) if rows is None else rows] = total.view_as(part)

    def largest(self, number: int) -> int:
        """Return the largest of the processes' numbers."""
        if self.size == 1:
            return number
        found = torch.tensor(number)
        _add_up(found, largest=True)
        return int(found)

    def wait(self) -> None:
        """Wait until all processes have come here."""
        self.largest(0)

    def of_first(self, value: Value) -> Value:
        """Return the first process's value, which the others wait for."""
        if self.size == 1:
            return value
        values = [value]
        with _partners():
            distributed.broadcast_object_list(values)
        return values[0]


ALONE = Ranks()


def joined(device: torch.device) -> Ranks:
    """Return the processes that torchrun has started this one with, or this one alone.

    Args:
        device: Where each computes: NCCL carries what lies on a CUDA device, Gloo everything else.
    """
    if int(os.environ.get(SIZE_VARIABLE, "1")) == 1:
        return ALONE
    if not distributed.is_initialized():
        # Numbers of the host, such as a signal's, are told on CUDA as well.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    return Ranks(distributed.get_world_size(), distributed.get_rank())


def left() -> None:
    """Leave the other processes, if this one has joined any."""
    if distributed.is_initialized():
        # torch 2.3 ends its threads with Python's lock in its hands, for which one of them may
        # still wait, to let go of the last message. Meanwhile it can have it.
        time.sleep(LETTING_GO)
        distributed.destroy_process_group()


@contextmanager
def _partners() -> Iterator[None]:
    """Name in one line what it means when the others do not answer.

    Raises:
        ToolkitError: A process is gone.
    """
    try:
        yield
    except RuntimeError as error:
        raise ToolkitError(
            "a process that trained beside this one is gone; the same command goes on from the "
            "last checkpoint"
        ) from error


def _add_up(tensor: Tensor, *, largest: bool = False) -> None:
    """Put the sum over processes, or the largest of their values, in a tensor's place."""
    with _partners():
        if largest:
            distributed.all_reduce(tensor, op=distributed.ReduceOp.MAX)
        else:
            distributed.all_reduce(tensor)


def _rows_to_send(gradients: Sequence[Tensor]) -> list[Tensor | None]:
    """Return which rows of each gradient some process has something for; None sends it whole.

    That is told in a message of a byte a row. On a GPU everything is sent whole: there the number
    of rows would have to be waited for, which no captured graph can.
    """
    tables = [
        gradient
        for gradient in gradients
        if gradient.device.type == "cpu"
        and gradient.dim() == 2
        and len(gradient) > TABLE * gradient.shape[1]
    ]
    if not tables:
        return [None] * len(gradients)
    met = torch.cat([torch.linalg.vector_norm(table, math.inf, dim=1) != 0 for table in tables])
    flags = met.to(torch.uint8)
    _add_up(flags, largest=True)
    rows = iter(part.nonzero().flatten() for part in flags.split([len(table) for table in tables]))
    found = [next(rows) if any(g is table for table in tables) else None for g in gradients]
    return [
        None if some is None or len(some) > FEW * len(gradient) else some
        for some, gradient in zip(found, gradients, strict=True)
    ]


def _total(part: Tensor) -> Tensor:
    """Return the sum over processes."""
    total = part.clone(memory_format=torch.contiguous_format)
    _add_up(total)
    return total


class _Gathered(torch.autograd.Function):
    """Rows of all processes; backwards, the gradient of the own ones."""

    @staticmethod
    def forward(context: Any, own: Tensor, ranks: Ranks, count: int) -> Tensor:
        context.rows, context.weight = ranks.rows(count), ranks.weight(count)
        # A sum with zeros is exact, and shares need not be equal.
        whole = own.new_zeros(count, *own.shape[1:])
        if context.weight:
            whole[context.rows] = own
        _add_up(whole)
        return whole

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return gradients[0][context.rows] * context.weight, None, None


class _Shared(torch.autograd.Function):
    """The same; backwards, the sum over processes."""

    @staticmethod
    def forward(context: Any, whole: Tensor) -> Tensor:
        return whole.view_as(whole)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return _total(gradients[0])


class _Summed(torch.autograd.Function):
    """The sum over processes; backwards, the gradient of the sum."""

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        return _total(part)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return gradients[0]


class _Added(torch.autograd.Function):
    """The sum over processes, forwards and backwards."""

    @staticmethod
    def forward(context: Any, part: Tensor) -> Tensor:
        return _total(part)

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return _total(gradients[0])
