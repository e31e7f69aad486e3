"""``pretrain --processes``: several processes train what one trains, and end together."""

import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import call
from safetensors.torch import load_file
from small_runs import prepare, rows_of
from torch.testing import assert_close

SHORT = ("--set", "iterations=6", "--set", "log_every=2")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("corpus") / "captions")


def start(corpus, out, *words, processes=2):
    command = [sys.executable, "-m", "arae_toolkit", "pretrain", corpus, "--out", out]
    command += ["--processes", processes, "--preset", "demo", "--device", "cpu", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*map(str, command)], env=environment, **pipes)


def assert_alike(first, second):
    """Weights and logged numbers are the same but for the order of sums."""
    weights = [load_file(folder / "model.safetensors") for folder in (first, second)]
    for name, value in weights[0].items():
        assert_close(value, weights[1][name], rtol=1e-3, atol=1e-5, msg=name)
    for one, other in zip(rows_of(first), rows_of(second), strict=True):
        numbers = {key: value for key, value in one.items() if isinstance(value, float)}
        assert numbers == pytest.approx({key: other[key] for key in numbers}, rel=1e-3, abs=1e-4)


def test_two_processes_train_what_one_trains_and_one_goes_on(tmp_path, corpus):
    alone, together = tmp_path / "alone", tmp_path / "together"
    call("pretrain", corpus, "--out", alone, "--preset", "demo", "--device", "cpu", *SHORT)
    done = start(corpus, together, *SHORT)
    out, told = done.communicate(timeout=300)
    assert done.returncode == 0, told
    assert out.strip() == str(together)  # said once
    assert told.count("6 iterations") == 1
    assert_alike(alone, together)
    # A finished run of two trains on by one.
    more = ("--set", "iterations=8", "--set", "log_every=2")
    for folder in (alone, together):
        call("pretrain", corpus, "--out", folder, "--preset", "demo", "--device", "cpu", *more)
    assert_alike(alone, together)


def test_processes_are_for_one_run(corpus):
    refused = call("pretrain", corpus, "--processes", "2", "--seeds", "2", code=2)
    assert "--processes trains one run" in refused.stderr


def children(process):
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True
    )
    return [int(pid) for pid in found.stdout.split()]


def wait_for_a_checkpoint(process, folder):
    state = folder / "training_state.safetensors"
    for _ in range(1200):
        if state.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()[1]


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_others_with_a_line(tmp_path, corpus):
    out = tmp_path / "run"
    words = ("--set", "iterations=100000", "--set", "save_every=2")
    running = start(corpus, out, *words)
    wait_for_a_checkpoint(running, out)
    os.kill(children(running)[1], signal.SIGKILL)
    began = time.monotonic()
    _, told = running.communicate(timeout=60)
    assert running.returncode == 1
    assert time.monotonic() - began < 30
    assert "died by SIGKILL; the same command goes on from the last checkpoint" in told
    assert "Traceback" not in told
    call("sample", out, "-n", "2")


@pytest.mark.slow
def test_a_signal_to_the_launcher_leaves_a_checkpoint(tmp_path, corpus):
    out = tmp_path / "run"
    running = start(corpus, out, "--set", "iterations=100000", "--set", "save_every=2")
    wait_for_a_checkpoint(running, out)
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGTERM
    assert told.count("goes on from there") == 1
    assert "Traceback" not in told
