"""Small runs: killed and resumed, called, or started as a process that can be stopped."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import command_line
import torch
from click.testing import Result
from command_line import call
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


SMALL = [
    *("--preset", "faithful"),  # few steps of the default's networks tell sentences apart less
    *("--set", "embedding_size=16", "--set", "code_size=16", "--set", "hidden_size=16"),
    *("--set", "generator_sizes=[16]", "--set", "critic_sizes=[16]", "--set", "log_every=5"),
    *("--set", "warmup=5", "--set", "evaluation_sentences=50", "--set", "batch_size=32"),
    *("--set", "save_every=4"),
]


def prepare(out: Path) -> Path:
    """Prepare the corpus in a folder and return it."""
    call("prepare", "synthetic", "--size", "600", "--judges-share", "0", "--out", out)
    return out


def pretrain(corpus: Path, out: Path, *more: str, epochs: int = 2, code: int = 0) -> Result:
    """Train into a folder, which is to end with an exit code."""
    options = ("--device", "cpu", "--out", out, "--set", f"epochs={epochs}", *SMALL)
    return call("pretrain", corpus, *options, *more, code=code)


def same_state(first: Path, second: Path) -> bool:
    """Return whether the training states of two folders are equal bit for bit."""
    states = [load_file(folder / STATE) for folder in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )


def start(
    corpus: Path, out: Path, *more: str, wait_for: Sequence[Path] = ()
) -> subprocess.Popen[str]:
    """Start a training and wait until a checkpoint is written in each folder, by default in out."""
    options = ("--device", "cpu", "--out", out, "--set", "epochs=6", *SMALL)
    process = command_line.start("pretrain", corpus, *options, *more, process_group=0)
    deadline = time.monotonic() + 120
    while not all((path / STATE).exists() for path in wait_for or [out]):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)
    return process
