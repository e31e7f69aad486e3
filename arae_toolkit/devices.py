"""The choice of a device, and how precisely it multiplies."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import torch

from arae_toolkit.errors import ToolkitError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of glibc's mallopt

Precision = Literal["fp32", "tf32", "bf16"]
"""Of the matrix products of encoder and decoder; sums, softmax and critic are always float32."""


_NAME = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


def check_device_name(name: str) -> str:
    """Return a name of a device as it is, whether there is such a device or not.

    Raises:
        ValueError: If it is none of ``auto``, ``cpu``, ``cuda``, ``cuda:N`` and ``mps``.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not one of auto, cpu, cuda, cuda:N such as cuda:1, and mps")
    return name


def choose_device(name: str) -> torch.device:
    """Return the device of a name: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto``.

    ``auto`` is a CUDA device if there is one, else the CPU.

    Raises:
        ToolkitError: If there is no such device; the message names those that there are.
        ValueError: See :func:`check_device_name`.
    """
    check_device_name(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        name = "cuda" if count else "cpu"
    there = ["cpu", *(f"cuda:{index}" for index in range(count))]
    if torch.backends.mps.is_available():
        there.append("mps")
    if name not in there and not (name == "cuda" and count):
        what = "no CUDA device was found" if name == "cuda" else f"there is no device {name}"
        raise ToolkitError(
            f"{what}; use --device with one of {', '.join(there)}, or see arae-toolkit doctor"
        )
    return torch.device(name)


def _compute_alone_in_forks() -> None:
    """Have a forked process compute with one thread.

    The threads of its parent do not come along, and it would wait for them for ever
    (pytorch/pytorch#17199). Processes that are spawned choose for themselves.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


_compute_alone_in_forks()


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16 faster than in float32.

    Without the instructions a CPU gives the same results, slowly, and torch has no LSTM for it.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return device.type == "cpu" and supported is not None and bool(supported())


def tensor_on(device: torch.device, values: Any, *, name: str) -> torch.Tensor:
    """Return a tensor or an array of numbers as a float32 tensor on a device.

    Args:
        device: Where it is to lie.
        values: A tensor or a NumPy array.
        name: What the values are, for the message.

    Raises:
        TypeError: If they are neither.
    """
    if not isinstance(values, torch.Tensor | np.ndarray):
        raise TypeError(f"{name} must be a tensor or an array, got {type(values)}")
    return torch.as_tensor(values, dtype=torch.float32, device=device)


def name_of(device: torch.device) -> str:
    """Return ``cpu``, or ``cuda`` with the name of the GPU."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return device.type


def keep_freed_memory() -> None:
    """Ask the C library to keep freed memory for the next tensors, where it is glibc.

    Each iteration makes and drops gradients of some 13 MB. By default glibc returns such blocks to
    the system and maps them anew, and touching the new pages can take longer than computing what
    is written there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 * 2**20)  # the most it takes
        mallopt(_TRIM_THRESHOLD, 2**30)


@contextmanager
def matrix_products(device: torch.device, precision: Precision) -> Iterator[None]:
    """Set how a CUDA device multiplies float32 matrices, and put it back at the end.

    cuDNN's LSTM follows ``torch.backends.cudnn.allow_tf32`` instead, which torch sets.

    Args:
        device: Any; only CUDA devices have the choice.
        precision: ``fp32`` keeps all 23 bits of the fraction; the others round factors to 10 bits
            (TF32), which tensor cores are made for.
    """
    if device.type != "cuda":
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest" if precision == "fp32" else "high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def dtype_of(precision: Precision) -> torch.dtype:
    """Return the type in which matrix products are computed: bfloat16 or float32."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def reduced(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Return a context in which matrix products are done in ``dtype``, bfloat16 or float32."""
    # Weights are used once in a pass, and what a captured graph casts is cast again at each replay.
    lower = dtype is torch.bfloat16 and device.type != "mps"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=lower, cache_enabled=False)


def autocast_dtype(kind: Literal["cpu", "cuda"]) -> torch.dtype | None:
    """Return what autocast computes in on a kind of device, ``None`` where it is off."""
    if hasattr(torch, "get_autocast_dtype"):
        return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
    # torch 2.3, where each kind has functions of its own.
    if kind == "cpu":
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else None
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None
