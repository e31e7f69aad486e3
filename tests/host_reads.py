"""Finds operations that a GPU must be waited for, on a machine that has none.

An operation whose result, or the size of it, depends on the numbers in a tensor has to bring them
to the host. torch tags such operations, so they can be seen while a CPU runs what a GPU would.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_WAITING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
# Indexing has a result of known size unless a mask does it.
_INDEXING = {"aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_"}


class HostReads(TorchDispatchMode):
    """Lists the operations run under it that read a tensor's numbers on the host.

    Attributes:
        names: Of these operations, in order.
        operations: How many were run in all.
    """

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.names: list[str] = []
        self.operations = 0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Note the operation, and run it."""
        self.operations += 1
        name = func.name().partition(".")[0]
        if name in _INDEXING:
            waits = any(i is not None and i.dtype is torch.bool for i in _indices(args))
        else:
            waits = bool(_WAITING & set(func.tags))
        if waits:
            self.names.append(name)
        return func(*args, **(kwargs or {}))


def _indices(args: Sequence[Any]) -> Sequence[Tensor | None]:
    indices: Sequence[Tensor | None] = args[1]
    return indices
