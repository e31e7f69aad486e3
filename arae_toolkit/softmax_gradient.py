"""The softmax of a block of scores and its gradient, written over the scores.

Operation by operation that reads and writes the block some ten times, which takes a GPU several
times as long as the matrix products around it. A kernel in Triton, which torch brings along where
it has CUDA, reads each row from memory once and writes it once.
"""

from __future__ import annotations

import importlib

import torch
from torch import Tensor

from arae_toolkit.triton_support import runs_kernels

BLOCK_WORDS, WARPS = 2048, 8
NO_WORD = -1


def softmax_less_one_hot_(scores: Tensor, answers: Tensor, *, ignored: int | None = None) -> Tensor:
    """Overwrite scores with the gradient of their summed nats; return the nats of the answers.

    Args:
        scores: Before the softmax; sums are float32 whatever their precision. Rows may lie further
            apart than they are long. Shape (N, V).
        answers: The words that are right. Shape (N,), int64.
        ignored: Rows with this answer have 0 nats and a gradient of 0.

    Returns:
        Shape (N,), float32.
    """
    if runs_kernels(scores.device):
        return _by_kernel(scores, answers, ignored)
    return _by_operations(scores, answers, ignored)


def _by_kernel(scores: Tensor, answers: Tensor, ignored: int | None) -> Tensor:
    kernels = importlib.import_module("arae_toolkit.triton_kernels")
    rows, words = scores.shape
    nats = torch.empty(rows, dtype=torch.float32, device=scores.device)
    if rows:
        kernels.softmax_less_one_hot[(rows,)](
            scores,
            answers,
            nats,
            words,
            scores.stride(0),
            NO_WORD if ignored is None else ignored,
            BLOCK=BLOCK_WORDS,
            num_warps=WARPS,
        )
    return nats


def _by_operations(scores: Tensor, answers: Tensor, ignored: int | None) -> Tensor:
    answers = answers[:, None]
    log_probability = scores.float().log_softmax(dim=1)
    nats = log_probability.gather(1, answers).neg_()
    surplus = log_probability.exp_()
    surplus.scatter_add_(1, answers, surplus.new_full((1, 1), -1.0).expand_as(answers))
    if ignored is not None:
        real = answers != ignored
        nats, surplus = nats * real, surplus.mul_(real)
    scores.copy_(surplus)
    return nats[:, 0]
