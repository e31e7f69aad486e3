import contextlib
from collections.abc import Iterator

import pytest
import torch

from arae_toolkit.ops import cuda_graph
from arae_toolkit.ops.cuda_graph import WARM_UP_STEPS, GraphedStep

CUDA = torch.device("cuda", 0)


class Recorded:
    """A graph that counts its replays."""

    def __init__(self) -> None:
        self.replays = 0

    def replay(self) -> None:
        self.replays += 1


class Stream:
    def wait_stream(self, other: "Stream") -> None:
        assert other is not self


def _pretend(monkeypatch: pytest.MonkeyPatch, *, error: str | None) -> list[Recorded]:
    """Put stand-ins where torch.cuda would be; capture raises the error, if there is one."""
    recorded: list[Recorded] = []

    @contextlib.contextmanager
    def capture(graph: Recorded) -> Iterator[None]:
        yield
        if error is not None:
            raise RuntimeError(error)
        recorded.append(graph)

    def beside(_: object) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    cuda = cuda_graph.torch.cuda
    main = Stream()
    monkeypatch.setattr(cuda, "CUDAGraph", Recorded)
    monkeypatch.setattr(cuda_graph, "capturing", capture)
    monkeypatch.setattr(cuda, "current_stream", lambda _: main)
    monkeypatch.setattr(cuda, "Stream", lambda _: Stream())
    monkeypatch.setattr(cuda, "stream", beside)
    monkeypatch.setattr(cuda, "device", beside)
    monkeypatch.setattr(cuda_graph, "end_failed_capture", lambda _: None)
    return recorded


def test_a_step_is_run_then_recorded_then_replayed(monkeypatch):
    recorded = _pretend(monkeypatch, error=None)
    runs: list[int] = []
    graph = GraphedStep(CUDA)
    for _ in range(WARM_UP_STEPS):
        graph(lambda: runs.append(1))
    assert len(runs) == WARM_UP_STEPS and not graph.captured
    for _ in range(5):
        graph(lambda: runs.append(1))
    assert graph.captured and graph.failure is None
    assert len(runs) == WARM_UP_STEPS + 1, "the last one was the recording"
    assert recorded[0].replays == 5


def test_a_step_that_cannot_be_recorded_goes_on_as_written(monkeypatch):
    """The reason is kept, and every later call runs the step."""
    _pretend(monkeypatch, error="operation not permitted\nwhen stream is capturing")
    runs: list[int] = []
    graph = GraphedStep(CUDA)
    for _ in range(WARM_UP_STEPS + 4):
        graph(lambda: runs.append(1))
    assert not graph.captured
    assert graph.failure == "operation not permitted"
    # One of the runs was the failed recording, which did nothing on the device.
    assert len(runs) == WARM_UP_STEPS + 4 + 1


def test_without_a_gpu_steps_run_as_written():
    """Nothing is captured on a CPU."""
    runs: list[int] = []
    graph = GraphedStep(torch.device("cpu"))
    for _ in range(WARM_UP_STEPS + 2):
        graph(lambda: runs.append(1))
    assert len(runs) == WARM_UP_STEPS + 2
    assert not graph.captured and graph.failure is not None
