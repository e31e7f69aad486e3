import re

import pytest
import small_runs
import small_transfer
from command_line import call

from arae_toolkit import ARAE


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return small_transfer.small_labelled_corpus(tmp_path_factory.mktemp("corpora")).folder


def rows_of(result):
    cells = [line.strip("| ").split(" | ", 1) for line in result.stdout.splitlines()]
    return {cell[0]: cell[1] for cell in cells if len(cell) == 2}


def dry(corpus, out, *more, code=0):
    return small_runs.pretrain(corpus, out, "--dry-run", *more, code=code)


def test_the_plan_is_that_of_the_run(synthetic, tmp_path, undisturbed):
    shown = rows_of(dry(synthetic, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert shown["settings"].startswith("preset faithful; embedding_size=16, ")
    model = ARAE.from_pretrained(undisturbed)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert f"model {count:,}" in shown["parameters"]
    iterations = small_runs.rows_of(undisturbed)[-1]["iteration"] // 3  # it has six epochs
    assert shown["length"].startswith(f"{iterations} iterations, 2 epochs of ")
    assert re.search(r"in an iteration: autoencoder 1, critic 3, generator 1$", shown["steps"])
    assert re.match(r"about \d+ (s|min) ", shown["time"])
    assert re.match(r"about [\d.]+ [MG]iB", shown["memory"])


def test_what_is_done_already_is_not_counted_again(synthetic, tmp_path, undisturbed):
    shown = rows_of(small_runs.pretrain(synthetic, undisturbed, "--dry-run", epochs=6))
    assert shown["length"].endswith(" are done")
    assert shown["time"].startswith("about 0 s")
    other = small_runs.pretrain(synthetic, undisturbed, "--dry-run", "--seed", "9", code=4)
    assert "training.seed 0 there, 9 here" in other.stderr


@pytest.mark.parametrize("kind", ["arae", "cross-aligned", "infilling"])
def test_every_kind_that_learns_has_a_plan(reviews, tmp_path, kind):
    """Without the scorer, which takes a training of its own."""
    before = sorted(tmp_path.rglob("*"))
    found = call("pretrain", reviews, "--model", kind, "--dry-run", "--batch-size", "16")
    assert "batch_size=16" in rows_of(found)["settings"]
    assert "a scorer come on top" in rows_of(found)["time"]
    made = [path for path in tmp_path.rglob("*") if path not in before and path.is_file()]
    assert all("checked" in path.parts for path in made)  # that its rows are sound


def test_what_has_no_plan_says_so(reviews, tmp_path):
    there = call("pretrain", reviews, "--model", "delete-and-replace", "--dry-run", code=2)
    assert "learns nothing" in there.stderr
    missing = call("pretrain", "synthetic", "--dry-run", code=3)
    assert "run 'arae-toolkit prepare synthetic'" in missing.stderr
    assert not (tmp_path / "cache" / "corpora").exists()
    assert "one run" in dry(reviews, tmp_path / "run", "--seeds", "2", code=2).stderr


def test_a_corpus_that_there_is_not_is_told_so(tmp_path):
    told = call("pretrain", tmp_path / "nosuch.txt", "--dry-run", code=2).stderr
    assert "nor a file or folder" in told and "arae-toolkit prepare" not in told
