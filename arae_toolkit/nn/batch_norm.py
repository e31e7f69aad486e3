"""Batch normalization by the statistics of a whole batch, whichever processes hold its rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from arae_toolkit.distributed.ranks import ALONE, Ranks


class BatchNorm(nn.BatchNorm1d):
    """Torch's layer; where processes share out a batch, its statistics are those of all rows.

    Torch's SyncBatchNorm is for GPUs alone.

    Attributes:
        ranks: Who shares the batch.
    """

    ranks: Ranks = ALONE

    def forward(self, inputs: Tensor) -> Tensor:
        """Return normalized rows. Shape (N, F), of which each process has its own."""
        if self.ranks.size == 1 or not self.training:
            return super().forward(inputs)
        rows = self.ranks.added(inputs.new_tensor(float(len(inputs))))
        mean = self.ranks.added(inputs.sum(dim=0)) / rows
        centred = inputs - mean
        variance = self.ranks.added(centred.square().sum(dim=0)) / rows
        self._follow(mean, variance, rows)
        return centred * (variance + self.eps).rsqrt() * self.weight + self.bias

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, rows: Tensor) -> None:
        """Move the running statistics as torch does, to an unbiased variance."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * rows / (rows - 1), self.momentum)
