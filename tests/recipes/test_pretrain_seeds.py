import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import call
from small_runs import pretrain, same_state, start
from small_transfer import small_labelled_corpus

from arae_toolkit.recipes.pretrain.pretrain import pretrain as command
from arae_toolkit.recipes.pretrain.seeds import NOT_PASSED_ON


def test_several_seeds_are_those_trained_one_by_one(synthetic, tmp_path):
    """Bit for bit; with a table of means; and at once where they are trained already."""
    several = ("--seeds", "2", "--jobs", "2", "--seed", "3")
    result = pretrain(synthetic, tmp_path / "both", *several, epochs=1)
    folders = [tmp_path / f"both-seed-{seed}" for seed in (3, 4)]
    assert result.stdout == "".join(f"{folder}\n" for folder in folders)
    assert not (tmp_path / "both").exists()
    pretrain(synthetic, tmp_path / "alone", "--seed", "4", epochs=1)
    assert same_state(tmp_path / "alone", folders[1])
    assert not same_state(*folders)
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
    again = pretrain(synthetic, tmp_path / "both", *several, epochs=1)
    assert again.stdout == result.stdout
    assert [(folder / "metrics.jsonl").read_bytes() for folder in folders] == before
    assert "epoch 1.00 of 1" not in again.stderr
    assert "this run is complete" in (folders[0] / "pretrain.log").read_text()


def test_seeds_are_set_aside_and_trained_anew(synthetic, tmp_path):
    """Each folder under a name of its own, which is told; what is trained is the same."""
    for more in ((), ("--overwrite",)):
        told = pretrain(synthetic, tmp_path / "x", "--seeds", "2", *more, epochs=1).stderr
    kept = sorted(tmp_path.glob("x-seed-*.before-*"))
    assert len(kept) == 2 and all(str(folder) in told for folder in kept)
    assert same_state(kept[0], tmp_path / "x-seed-0")


def test_a_seed_that_fails_leaves_the_others_alone(synthetic, tmp_path):
    """One line for it, its exit code, and the results of the others."""
    (tmp_path / "x-seed-0").mkdir()
    (tmp_path / "x-seed-0" / "config.json").write_text("{}")
    result = pretrain(synthetic, tmp_path / "x", "--seeds", "2", epochs=1, code=4)
    assert result.stdout == f"{tmp_path / 'x-seed-1'}\n"
    *_, failure, last = result.stderr.splitlines()
    assert failure.startswith(f"seed 0: {tmp_path / 'x-seed-0'}: ")
    assert failure.endswith("not the configuration of a run; name another folder with --out")
    assert "error: 1 of 2 seeds failed" in last
    assert json.loads((tmp_path / "x-seeds.json").read_text())["details"]["failed"] == [0]


def test_several_seeds_interrupted_and_started_again(synthetic, undisturbed, tmp_path):
    """Ctrl-C: each writes its checkpoint, and ends as one that was never disturbed."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1)]
    process = start(synthetic, tmp_path / "x", "--seeds", "2", wait_for=folders)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the process group
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].endswith("of 2 seeds done; the same command goes on")
    assert "goes on from there" in _last_lines(folders)
    # By themselves, which saves the start of two processes; a slow test gives the same command.
    pretrain(synthetic, folders[0], epochs=6)
    assert same_state(folders[0], undisturbed)


@pytest.mark.slow
def test_the_same_command_goes_on_with_every_seed(synthetic, undisturbed, tmp_path):
    """Also with one that is complete, and one that was not begun."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1, 2)]
    command = ("--seeds", "3", "--jobs", "1")
    process = start(synthetic, tmp_path / "x", *command, wait_for=folders[:2])
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors
    assert "with 1 of 3 seeds done" in errors
    assert not folders[2].exists()
    pretrain(synthetic, tmp_path / "x", *command, epochs=6)
    assert same_state(folders[0], undisturbed)
    log = (folders[1] / "pretrain.log").read_text()
    assert "going on from iteration" in log
    pretrain(synthetic, tmp_path / "alone", "--seed", "1", epochs=6)
    assert same_state(folders[1], tmp_path / "alone")
    assert (folders[2] / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_several_seeds_stop_with_the_program_that_started_them(synthetic, tmp_path, number, code):
    """Even if that one is killed and can pass nothing on: each writes its checkpoint."""
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1)]
    process = start(
        synthetic, tmp_path / "x", "--seeds", "2", "--set", "epochs=500", wait_for=folders
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


def test_the_scorer_that_all_seeds_want_is_trained_once(tmp_path, monkeypatch):
    """On labelled sentences, before the seeds begin; a model has a copy beside it."""
    monkeypatch.setenv("ARAE_RUNS", str(tmp_path / "runs"))
    corpus = small_labelled_corpus(tmp_path).folder
    shared = tmp_path / "shared"
    result = pretrain(
        corpus, tmp_path / "x", "--seeds", "2", "--set", "classifier_sizes=[16]",
        "--scorer", str(shared), epochs=1,
    )  # fmt: skip
    folders = [tmp_path / f"x-seed-{seed}" for seed in (0, 1)]
    assert result.stdout == "".join(f"{folder}\n" for folder in folders)
    wanted = (shared / "model.safetensors").read_bytes()
    for folder in folders:
        assert (folder / "scorer" / "model.safetensors").read_bytes() == wanted
    assert not same_state(*folders)
    assert not (tmp_path / "runs").exists()  # where one would be that was not asked for
    for folder in folders:  # of the scorer, which each seed looks for first
        assert "this run is complete" in (folder / "pretrain.log").read_text()


def test_seeds_of_a_transfer_model_have_its_length_and_measurements(tmp_path, monkeypatch):
    """Not those of the preset of an autoencoder."""
    monkeypatch.setenv("ARAE_RUNS", str(tmp_path / "runs"))
    corpus = small_labelled_corpus(tmp_path)
    words = ["pretrain", corpus.folder, "--model", "infilling", "--out", tmp_path / "x"]
    words += ["--device", "cpu", "--seeds", "2"]
    result = call(*words, "--set", "iterations=2", "--set", "batch_size=64")
    log = tmp_path / "x-seed-0" / "metrics.jsonl"
    reached = json.loads(log.read_text().splitlines()[-1])["epoch"]
    assert f"seed 0: epoch {reached:.2f} of {reached:.4g}: " in result.stderr
    summary = json.loads((tmp_path / "x-seeds.json").read_text())
    assert summary["metrics"]["nats_per_hidden_word"]["value"] > 0
    assert summary["details"]["settings"]["training"]["recognizer_weight"] == 1
    refused = call(*words[:2], "--model", "delete-and-replace", "--seeds", "2", code=2)
    assert "learns nothing: all seeds would be the same" in refused.stderr


def test_what_is_not_passed_on_are_options_of_the_command():
    """And every other one is given again by each seed."""
    assert set(NOT_PASSED_ON) <= {parameter.name for parameter in command.params}
