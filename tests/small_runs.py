"""Runs that are killed, and whether a resumed one ends as if it never had been."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from arae_toolkit.training.checkpoint import STATE
from arae_toolkit.training.metrics_log import read_rows


class Killed(BaseException):
    """Stands for SIGKILL: nothing is caught, nothing is cleaned up."""


class KillAt:
    """A listener that dies after an iteration."""

    def __init__(self, iteration: int) -> None:
        self.iteration = iteration

    def row(self, row: object) -> None:
        pass

    def note(self, text: str) -> None:
        pass

    def tick(self, iteration: int) -> None:
        if iteration == self.iteration:
            raise Killed


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows = read_rows(folder / "metrics.jsonl")
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def assert_same_end(first: Path, second: Path) -> None:
    """Weights, moments, running sums, logged numbers and pictures are equal bit for bit."""
    states = [load_file(folder / STATE) for folder in (first, second)]
    assert states[0].keys() == states[1].keys()
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
    weights = [load_file(folder / "model.safetensors") for folder in (first, second)]
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name
    assert rows_of(first) == rows_of(second)
    pictures = [sorted(folder.glob("samples/*.png")) for folder in (first, second)]
    assert [path.read_bytes() for path in pictures[0]] == [p.read_bytes() for p in pictures[1]]
