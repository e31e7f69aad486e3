"""What the capture of a CUDA graph needs around it."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator
from typing import Any

import torch

_ONE_AT_A_TIME = threading.Lock()


@contextlib.contextmanager
def capturing(
    graph: torch.cuda.CUDAGraph, stream: torch.cuda.Stream | None = None, *, pool: Any = None
) -> Iterator[None]:
    """Record in a graph what the block queues; nothing of it is run.

    One capture goes on at a time. Other threads must leave the device alone meanwhile: all
    backward passes share a thread, and cuDNN fails in it.

    Args:
        graph: Fresh.
        stream: Where the work is recorded; any by default.
        pool: Memory to share with other graphs.
    """
    with _ONE_AT_A_TIME, _nothing_collected():
        mode = "thread_local"
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode=mode):
            yield


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
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
