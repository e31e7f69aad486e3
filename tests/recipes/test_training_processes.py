"""``--processes``: several processes train what one trains, and end together."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from command_line import call
from safetensors.torch import load_file
from small_runs import prepare, rows_of
from small_transfer import small_labelled_corpus
from torch.testing import assert_close

SHORT = ("--set", "iterations=6", "--set", "log_every=2")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("corpus") / "captions")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled")).folder


def start(corpus, out, *words, processes=2):
    return launch("pretrain", corpus, "--out", out, "--preset", "demo", *words, processes=processes)


def launch(*words, processes=2):
    command = [sys.executable, "-m", "arae_toolkit", *words]
    command += ["--processes", processes, "--device", "cpu"]
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


PAIRS = ("--set=embedding_size=12", "--set=code_size=16", "--batch-size=16", "--set=save_every=7")
INFERENCE = (*PAIRS, "--set=hidden_size=12")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    out = tmp_path_factory.mktemp("pairs") / "pairs"
    call("prepare", "synthetic", "--size", "1200", "--judges-share", "0", "--out", out)
    return out


def test_a_classifier_of_pairs(tmp_path, pairs):
    words = [
        *("nli", "--corpus", pairs, "--seeds=1", "--labels=160", "--model=bilstm-max"),
        *("--objective=supervised", *INFERENCE, "--set=rate=0.003", "--set=warmup=5"),
        *("--set=dropout=0.01", "--set=embedding_dropout=0.01", "--results", tmp_path),
    ]
    both = together_and_alone(tmp_path, words, "--epochs=16", "--epochs=18")
    assert_alike(*(folder / "seed-0" for folder in both))
    found = [json.loads((tmp_path / f"{folder.name}.json").read_text()) for folder in both]
    assert found[0]["metrics"].keys() == found[1]["metrics"].keys()
    for name, metric in found[0]["metrics"].items():
        assert found[1]["metrics"][name]["value"] == pytest.approx(metric["value"], abs=1e-3), name


def test_a_pair_encoder(tmp_path, pairs):
    words = ["nli", "pretrain", "--corpus", pairs, "--objective=cross-sentence", "--labels=40"]
    words += [*PAIRS, "--set=log_every=2"]
    assert_alike(*together_and_alone(tmp_path, words, "--epochs=1", "--epochs=2"))


@pytest.mark.parametrize(
    "model", ["infilling", pytest.param("cross-aligned", marks=pytest.mark.slow)]
)
def test_a_transfer_model(tmp_path, labelled, model):
    words = ["pretrain", labelled, "--model", model, "--scorer", labelled.parent / "scorer"]
    words += ["--set=embedding_size=12", "--set=log_every=2", "--batch-size=16"]
    both = together_and_alone(tmp_path, words, "--set=iterations=6", "--set=iterations=8")
    assert_alike(*both)
    said = [call("transfer", run, "--to", "good", "-t", "the soup was awful .") for run in both]
    assert said[0].stdout == said[1].stdout != ""


def together_and_alone(folder, words, length, longer):
    """Train by one process; and by two, after which one goes on with what those have left."""
    alone, together = folder / "alone", folder / "together"
    call(*words, "--out", alone, length, "--device", "cpu")
    done = launch(*words, "--out", together, length)
    _, told = done.communicate(timeout=300)
    assert done.returncode == 0, told
    for out in (alone, together):
        call(*words, "--out", out, longer, "--device", "cpu")
    return alone, together


def test_processes_are_for_one_run(corpus):
    refused = call("pretrain", corpus, "--processes", "2", "--seeds", "2", code=2)
    assert "--processes trains one run" in refused.stderr


def test_what_learns_nothing_has_no_batch_to_share(labelled):
    words = ("pretrain", labelled, "--model", "delete-and-replace", "--processes", "2")
    assert "no batch to share out" in call(*words, code=2).stderr


def test_outside_weights_are_tuned_by_one_process(pairs):
    words = ("nli", "--corpus", pairs, "--encoder", "sentence-transformers:any", "--tune-encoder")
    refused = call(*words, "--processes", "2", code=2)
    assert "tuned by one process" in refused.stderr


def test_a_failure_is_told_once(tmp_path, pairs):
    """Whatever the first process says, the launcher adds nothing to it."""
    words = ["nli", "--corpus", pairs, "--seeds=1", "--labels=12", "--objective=supervised"]
    words += [*INFERENCE, "--epochs=1", "--out", tmp_path / "run", "--results", tmp_path]
    failed = launch(*words)
    _, told = failed.communicate(timeout=300)
    assert failed.returncode == 5, told
    assert told.count("error:") == 1 and "chance level" in told


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
