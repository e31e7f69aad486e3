"""A step of GPU work captured once and replayed, which spares starting its kernels one by one."""

from __future__ import annotations

from collections.abc import Callable

import torch

from arae_toolkit.captures import capturing, end_failed_capture

WARM_UP_STEPS = 3


class StepGraph:
    """A step that is run as written at first, then captured as a CUDA graph and replayed.

    The step must read and write the same memory each time, never wait for the device, and draw no
    random numbers. Where it cannot be captured it goes on as written.

    Args:
        device: Without CUDA the step is never captured.

    Attributes:
        failure: Why the step could not be captured, or ``None``.
    """

    def __init__(self, device: torch.device) -> None:
        """Capture nothing yet."""
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
