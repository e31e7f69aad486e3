"""``arae-toolkit pretrain`` and ``demo``, run as a user runs them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

from arae_toolkit import ARAE
from arae_toolkit.corpus import Corpus, pack
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


def test_it_trains_on_sentences_of_at_most_some_words(corpus: Path, tmp_path: Path) -> None:
    """Longer ones are in no batch and no evaluation, and none is written; the corpus stays."""
    result = _pretrain(corpus, tmp_path, "--set", "longest_sentence=7", epochs=1)
    assert result.exit_code == 0, result.stderr
    sentences = Corpus(corpus).split("train")
    short = int((sentences.lengths <= 7 + 1).sum())  # <eos> is no word
    assert 0 < short < len(sentences)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["iteration"] == short // 32
    model = ARAE.from_pretrained(tmp_path)
    assert model.max_length == 7
    assert all(len(sentence.split()) <= 7 for sentence in model.sample(20))


@pytest.mark.parametrize("split", ["train", "dev"])
def test_no_sentence_that_is_short_enough_is_named(
    corpus: Path, tmp_path: Path, split: str
) -> None:
    """One line that names the split, before a model is written."""
    other = shutil.copytree(corpus, tmp_path / "corpus")
    words = Corpus(other).vocabulary
    for name in ("train", "dev"):
        text = "a dog runs in the park ." if name == split else "a dog ."
        pack(words.encode_batch([text] * 40), vocab_size=len(words)).save(other, name)
    result = _pretrain(other, tmp_path / "run", "--set", "longest_sentence=3")
    assert result.exit_code == 3
    assert f"{other}: no sentence of at most 3 words in {split}" in result.stderr
    assert not (tmp_path / "run" / "config.json").exists()


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


def _start(
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


# --- several seeds -----------------------------------------------------------------------------


def _same_weights(first: Path, second: Path) -> bool:
    states = [load_file(folder / "training_state.safetensors") for folder in (first, second)]
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name], states[1][name]) for name in states[0]
    )


def test_several_seeds_are_those_trained_one_by_one(corpus: Path, tmp_path: Path) -> None:
    """Bit for bit; with a table of means; and at once where they are trained already."""
    several = ("--seeds", "2", "--jobs", "2", "--seed", "3")
    result = _pretrain(corpus, tmp_path / "both", *several, epochs=1)
    assert result.exit_code == 0, result.stderr
    folders = [tmp_path / f"both-seed-{seed}" for seed in (3, 4)]
    assert result.stdout == "".join(f"{folder}\n" for folder in folders)
    assert not (tmp_path / "both").exists()
    assert _pretrain(corpus, tmp_path / "alone", "--seed", "4", epochs=1).exit_code == 0
    assert _same_weights(tmp_path / "alone", folders[1])
    assert not _same_weights(*folders)
    assert "seed 3: epoch 1.00 of 1: " in result.stderr

    rows = [
        json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1]) for folder in folders
    ]
    nats = [row["nats_per_sentence"] for row in rows]
    summary = json.loads((tmp_path / "both-seeds.json").read_text())
    metric = summary["metrics"]["nats_per_sentence"]
    assert metric["value"] == pytest.approx(sum(nats) / 2, rel=1e-5)
    assert metric["spread"] == pytest.approx(abs(nats[0] - nats[1]) / 2**0.5, rel=1e-4)
    assert summary["seeds"] == [3, 4]
    assert summary["details"]["runs"][1]["sentences"] == summary["details"]["runs"][0]["sentences"]
    table = result.stderr[result.stderr.index("2 of 2 seeds") :]
    assert f"{sum(nats) / 2:.2f}" in table

    before = [(folder / "metrics.jsonl").read_bytes() for folder in folders]
    again = _pretrain(corpus, tmp_path / "both", *several, epochs=1)
    assert again.exit_code == 0
    assert again.stdout == result.stdout
    assert [(folder / "metrics.jsonl").read_bytes() for folder in folders] == before
    assert "epoch 1.00 of 1" not in again.stderr
    assert "this run is complete" in (folders[0] / "pretrain.log").read_text()


def test_a_seed_that_fails_leaves_the_others_alone(corpus: Path, tmp_path: Path) -> None:
    """One line for it, its exit code, and the results of the others."""
    (tmp_path / "x-seed-0").mkdir()
    (tmp_path / "x-seed-0" / "config.json").write_text("{}")
    result = _pretrain(corpus, tmp_path / "x", "--seeds", "2", epochs=1)
    assert result.exit_code == 4
    assert result.stdout == f"{tmp_path / 'x-seed-1'}\n"
    *_, failure, last = result.stderr.splitlines()
    assert failure.startswith(f"seed 0: {tmp_path / 'x-seed-0'}: ")
    assert failure.endswith("not the configuration of a run; name another folder with --out")
    assert "error: 1 of 2 seeds failed" in last
    assert json.loads((tmp_path / "x-seeds.json").read_text())["details"]["failed"] == [0]


def test_several_seeds_interrupted_and_started_again(
    corpus: Path, whole: Path, tmp_path: Path
) -> None:
    """Ctrl-C: each writes its checkpoint, and ends as one that was never disturbed."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1)]
    process = _start(corpus, tmp_path / "x", "--seeds", "2", wait_for=folders)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the process group
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].endswith("of 2 seeds done; the same command goes on")
    assert "goes on from there" in _last_lines(folders)
    # By themselves, which saves the start of two processes; a slow test gives the same command.
    assert _pretrain(corpus, folders[0], epochs=6).exit_code == 0
    assert _same_weights(folders[0], whole)


@pytest.mark.slow
def test_the_same_command_goes_on_with_every_seed(
    corpus: Path, whole: Path, tmp_path: Path
) -> None:
    """Also with one that is complete, and one that was not begun."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1, 2)]
    command = ("--seeds", "3", "--jobs", "1")
    process = _start(corpus, tmp_path / "x", *command, wait_for=folders[:2])
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors
    assert "with 1 of 3 seeds done" in errors
    assert not folders[2].exists()
    assert _pretrain(corpus, tmp_path / "x", *command, epochs=6).exit_code == 0
    assert _same_weights(folders[0], whole)
    log = (folders[1] / "pretrain.log").read_text()
    assert "going on from iteration" in log
    assert _pretrain(corpus, tmp_path / "alone", "--seed", "1", epochs=6).exit_code == 0
    assert _same_weights(folders[1], tmp_path / "alone")
    assert (folders[2] / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_several_seeds_stop_with_the_program_that_started_them(
    corpus: Path, tmp_path: Path, number: int, code: int
) -> None:
    """Even if that one is killed and can pass nothing on: each writes its checkpoint."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1)]
    process = _start(
        corpus, tmp_path / "x", "--seeds", "2", "--set", "epochs=500", wait_for=folders
    )
    os.killpg(process.pid, number)  # as the program timeout does
    _, errors = process.communicate(timeout=120)
    assert process.returncode == code, errors
    deadline = time.monotonic() + 60
    while _last_lines(folders).count("goes on from there") < 2:
        assert time.monotonic() < deadline, _last_lines(folders)
        time.sleep(0.05)


def _last_lines(folders: Sequence[Path]) -> str:
    """Return the last line of each seed's log."""
    return "\n".join((folder / "pretrain.log").read_text().splitlines()[-1] for folder in folders)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--set", "batchsize=3"], 2, "no setting 'batchsize'"),
        (["--set", "epochs=many"], 2, "a whole number"),
        (["--preset", "unheard-of"], 2, "unheard-of"),
        (["--device", "cuda"], 1, "no CUDA device"),
        (["--resume", "/nowhere/at/all"], 4, "no training state"),
        (["--seeds", "2", "--resume", "/nowhere/at/all"], 2, "goes on with one run"),
        (["--seeds", "2", "--set", "epochs=many"], 2, "a whole number"),
        (["--seeds", "0"], 2, "0 is not in the range"),
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
