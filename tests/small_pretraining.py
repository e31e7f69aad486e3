"""A small ``pretrain`` on a small corpus, called, or started as a process that can be stopped."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import command_line
import torch
from click.testing import Result
from command_line import call
from safetensors.torch import load_file

from arae_toolkit.training.checkpoint import STATE

SMALL = [
    *("--set", "embedding_size=16", "--set", "code_size=16", "--set", "hidden_size=16"),
    *("--set", "generator_sizes=[16]", "--set", "critic_sizes=[16]", "--set", "log_every=5"),
    *("--set", "warmup=5", "--set", "evaluation_sentences=50", "--set", "batch_size=32"),
    *("--set", "save_every=4"),
]


def prepare(out: Path) -> Path:
    """Prepare the corpus in a folder and return it."""
    call("prepare", "synthetic", "--size", "600", "--out", out)
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
