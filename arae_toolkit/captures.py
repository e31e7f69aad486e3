"""What the capture of a CUDA graph needs around it."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def nothing_collected() -> Iterator[None]:
    """Keep Python from freeing an earlier model's graphs, which would break a capture."""
    gc.collect()
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def end_failed_capture(device: torch.device, *generators: torch.Generator) -> None:
    """Free generators that a failed capture left waiting for a graph: nobody could draw from them.

    They start again from their seeds.

    Args:
        device: Whose own generator, which takes part in every capture, is freed as well.
        generators: Those that were registered.
    """
    if device.type != "cuda":
        return
    torch.cuda.synchronize(device)
    with torch.cuda.device(device):
        default = torch.cuda.default_generators[torch.cuda.current_device()]
    for generator in (*generators, default):
        fresh = torch.Generator(generator.device)
        fresh.manual_seed(generator.initial_seed())
        generator.graphsafe_set_state(fresh.graphsafe_get_state())
