"""The choice of a device."""

from __future__ import annotations

import torch

from arae_toolkit.errors import ToolkitError


def choose_device(name: str) -> torch.device:
    """Return the device of a name: ``cpu``, ``cuda``, or ``auto`` for a GPU if there is one.

    Raises:
        ToolkitError: If a GPU is asked for and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ToolkitError("no CUDA device was found; use --device cpu, or see arae-toolkit doctor")
    return torch.device(name)
