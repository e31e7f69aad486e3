"""The test of whether a device runs Triton's kernels."""

from __future__ import annotations

import functools
import importlib
from subprocess import SubprocessError

import torch

# No Triton; another one than this was written for; no compiler, or no headers for it; no driver.
_FAILURES = (ImportError, AttributeError, TypeError, OSError, SubprocessError, RuntimeError)


@functools.cache
def has_triton(device: torch.device) -> bool:
    """Return whether a device runs Triton's kernels; one of them is tried, once.

    Triton comes with torch for CUDA, but needs a C compiler to start a kernel for the first time.
    Whatever has a kernel can be done by torch's operations as well.
    """
    if device.type != "cuda":
        return False
    try:
        kernels = importlib.import_module("arae_toolkit.ops.triton_kernels")
        scores, nats = torch.zeros(1, 2, device=device), torch.zeros(1, device=device)
        answers = torch.zeros(1, dtype=torch.int64, device=device)
        kernels.softmax_less_one_hot[(1,)](scores, answers, nats, 2, 2, -1, BLOCK=16)
    except _FAILURES:
        return False
    return True
