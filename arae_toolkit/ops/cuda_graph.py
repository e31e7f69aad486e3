"""CUDA graphs: safe capture, and a step that is captured and replayed."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
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
    with _ONE_AT_A_TIME:
        # Python must not free an earlier model's graphs meanwhile: that would break the capture.
        gc.collect()
        collects = gc.isenabled()
        gc.disable()
        try:
            mode = "thread_local"
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode=mode):
                yield
        finally:
            if collects:
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


WARM_UP_STEPS = 3


class GraphedStep:
    """A step that is run as written at first, then captured as a CUDA graph and replayed.

    The step must read and write the same memory each time, never wait for the device, and draw no
    random numbers. Where it cannot be captured it goes on as written.

    Args:
        device: Without CUDA the step is never captured.

    Attributes:
        failure: Why the step could not be captured, or ``None``.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream: torch.cuda.Stream | None = None
        self._steps = 0
        self.failure: str | None = None if device.type == "cuda" else "no CUDA device"

    @property
    def captured(self) -> bool:
        """Whether steps are replayed by now."""
        return self._graph is not None

    def __call__(self, step: Callable[[], None]) -> None:
        """Run the step once more.

        Args:
            step: Queues the work of one step on the current stream; the same in every call. It is
                not kept: a graph that knew its owner would keep the memory of both alive.
        """
        if self._graph is not None:
            self._graph.replay()
        elif self.failure is not None:
            step()
        elif self._steps < WARM_UP_STEPS:
            # Libraries set up their work spaces in the first steps, on the stream they run on.
            self._steps += 1
            self._beside(step)
        else:
            self._capture(step)
            self(step)

    def _beside(self, step: Callable[[], None]) -> None:
        """Run the step on a stream of its own, in turn with the current one."""
        current = torch.cuda.current_stream(self._device)
        if self._stream is None:
            self._stream = torch.cuda.Stream(self._device)
        beside = self._stream
        beside.wait_stream(current)
        with torch.cuda.stream(beside):
            step()
        current.wait_stream(beside)

    def _capture(self, step: Callable[[], None]) -> None:
        """Record the step, which runs nothing, or note why that is impossible."""
        try:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.device(self._device), capturing(graph):
                step()
        except RuntimeError as error:
            self.failure = str(error).splitlines()[0]
            end_failed_capture(self._device)
        else:
            self._graph = graph
