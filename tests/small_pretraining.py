"""A small ``pretrain`` on a small corpus, called, or started as a process that can be stopped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner, Result

from arae_toolkit.recipes.cli import main

SMALL = [
    *("--set", "embedding_size=16", "--set", "code_size=16", "--set", "hidden_size=16"),
    *("--set", "generator_sizes=[16]", "--set", "critic_sizes=[16]", "--set", "log_every=5"),
    *(
        "--set",
        "warmup=5",
        "--set",
        "evaluation_sentences=50",
        "--set",
        "batch_size=32",
        "--set",
        "save_every=4",
    ),
]


def prepare(out: Path) -> Path:
    """Prepare the corpus in a folder and return it."""
    result = call("prepare", "synthetic", "--size", "600", "--out", out)
    assert result.exit_code == 0, result.stderr
    return out


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def pretrain(corpus: Path, out: Path, *more: str, epochs: int = 2) -> Result:
    return call(
        "pretrain", corpus, "--device", "cpu", "--out", out, "--set", f"epochs={epochs}",
        *SMALL, *more,
    )  # fmt: skip


def start(
    corpus: Path, out: Path, *more: str, wait_for: Sequence[Path] = ()
) -> subprocess.Popen[str]:
    """Start a training and wait until a checkpoint is written in each folder, by default in out."""
    command = [sys.executable, "-c", "from arae_toolkit.recipes.cli import main; main()"]
    command += ["pretrain", str(corpus), "--device", "cpu", "--out", str(out)]
    command += ["--set", "epochs=6", *SMALL, *more]
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    deadline = time.monotonic() + 120
    while not all((path / "training_state.safetensors").exists() for path in wait_for or [out]):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)
    return process
