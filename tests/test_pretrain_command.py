"""``arae-toolkit pretrain`` and ``demo``, run as a user runs them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from arae_toolkit import ARAE
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


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a small synthetic corpus once."""
    out = tmp_path_factory.mktemp("corpora") / "synthetic"
    result = _call("prepare", "synthetic", "--size", "600", "--out", out)
    assert result.exit_code == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def whole(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run that is never disturbed."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert _pretrain(corpus, out, epochs=6).exit_code == 0
    return out


def _call(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def _pretrain(corpus: Path, out: Path, *more: str, epochs: int = 2) -> Result:
    return _call(
        "pretrain", corpus, "--device", "cpu", "--out", out, "--set", f"epochs={epochs}",
        *SMALL, *more,
    )  # fmt: skip


def test_it_trains_and_leaves_a_model(corpus: Path, tmp_path: Path) -> None:
    """The folder goes to stdout, progress to stderr; the model loads and talks."""
    result = _pretrain(corpus, tmp_path)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{tmp_path}\n"
    assert "sentences/s" in result.stderr
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    dev = [row for row in rows if row["kind"] == "dev"]
    assert len(dev) == 2
    assert dev[1]["nats_per_sentence"] < dev[0]["nats_per_sentence"]
    assert len(dev[0]["samples"]) == 10
    model = ARAE.from_pretrained(tmp_path)
    assert model.encode(["a man is sleeping ."]).shape == (1, 16)
    assert len(model.sample(3)) == 3


@pytest.mark.parametrize("kind", ["ae", "aae"])
def test_baselines_train_too(corpus: Path, tmp_path: Path, kind: str) -> None:
    """By default beside the ARAE's folder, and sampled in their own way."""
    result = _pretrain(corpus, tmp_path, "--model", kind, epochs=1)
    assert result.exit_code == 0, result.stderr
    assert len(ARAE.from_pretrained(tmp_path).sample(2)) == 2


def test_the_same_command_again_goes_on_or_is_complete(corpus: Path, tmp_path: Path) -> None:
    """A finished run is left alone; --resume never refuses it; other settings are refused."""
    assert _pretrain(corpus, tmp_path, epochs=1).exit_code == 0
    before = (tmp_path / "metrics.jsonl").read_bytes()
    again = _pretrain(corpus, tmp_path, epochs=1)
    assert again.exit_code == 0
    assert "complete" in again.stderr
    assert (tmp_path / "metrics.jsonl").read_bytes() == before
    never = _pretrain(corpus, tmp_path, "--resume", "never", epochs=1)
    assert never.exit_code == 1
    assert "holds a run already" in never.stderr
    other = _pretrain(corpus, tmp_path, "--seed", "5", epochs=1)
    assert other.exit_code == 4
    assert "training.seed" in other.stderr
    assert (tmp_path / "metrics.jsonl").read_bytes() == before


def test_a_state_of_another_folder_starts_a_complete_one(
    corpus: Path, whole: Path, tmp_path: Path
) -> None:
    """--resume PATH goes on in a folder of its own, which is a model folder as well."""
    result = _pretrain(corpus, tmp_path, "--resume", str(whole), epochs=6)
    assert result.exit_code == 0, result.stderr
    assert ARAE.from_pretrained(tmp_path).sample(5) == ARAE.from_pretrained(whole).sample(5)
    other = _pretrain(corpus, tmp_path / "short", "--resume", str(whole), epochs=5)
    assert other.exit_code == 4
    assert "training.epochs" in other.stderr


def _start(corpus: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from arae_toolkit.recipes.cli import main; main()"]
    command += ["pretrain", str(corpus), "--device", "cpu", "--out", str(out)]
    command += ["--set", "epochs=6", *SMALL]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "training_state.safetensors").exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, "no checkpoint in two minutes"
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_stopped_and_started_again_equals_never_stopped(
    corpus: Path, whole: Path, tmp_path: Path, number: int, code: int
) -> None:
    """Whatever the signal, the second start ends with the very weights of an undisturbed run."""
    process = _start(corpus, tmp_path / "stopped")
    process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    if number != signal.SIGKILL:
        assert "goes on from there" in errors.splitlines()[-1]
    assert _pretrain(corpus, tmp_path / "stopped", epochs=6).exit_code == 0
    first = load_file(tmp_path / "stopped" / "training_state.safetensors")
    second = load_file(whole / "training_state.safetensors")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "batchsize=3"], 2, "no setting 'batchsize'"),
        (["--set", "epochs=many"], 2, "a whole number"),
        (["--preset", "unheard-of"], 2, "unheard-of"),
        (["--device", "cuda"], 1, "no CUDA device"),
        (["--resume", "/nowhere/at/all"], 4, "no training state"),
    ],
)
def test_mistakes_get_one_line(
    corpus: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    """What is wrong, the right exit code, and no traceback."""
    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    result = _call("pretrain", corpus, "--out", tmp_path, *arguments)
    assert result.exit_code == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_corpus_that_is_not_there(tmp_path: Path) -> None:
    """One line that names what was looked for, exit code 3."""
    result = _call("pretrain", tmp_path / "nothing.txt")
    assert result.exit_code == 3
    assert "nothing.txt" in result.stderr


def test_divergence_is_exit_code_5(corpus: Path, tmp_path: Path) -> None:
    """A rate far too high is stopped and named."""
    result = _pretrain(
        corpus, tmp_path, "--set", "autoencoder_rate=1e30", "--set", "warmup=0",
        "--set", "clip_norm=0", "--set", "autoencoder_optimizer=sgd",
    )  # fmt: skip
    assert result.exit_code == 5
    assert "where guessing costs" in result.stderr.splitlines()[-1]


def test_the_demo_runs_and_writes_its_report(tmp_path: Path) -> None:
    """Small, but the whole way: corpus, training, tables, report."""
    result = _call("demo", "--size", "400", "--epochs", "1", "--out", tmp_path / "demo")
    assert result.exit_code == 0, result.stderr
    report = Path(result.stdout.strip()).read_text()
    for title in ("Samples", "Reconstructions", "Interpolations", "nats a sentence"):
        assert title in report
        assert title in result.stderr
