"""Runs found by name or path, and what is said where there is none."""

from pathlib import Path

import pytest
import small
from command_line import call

from arae_toolkit.errors import NotFound
from arae_toolkit.recipes.shared.find_run import find_run
from arae_toolkit.storage.paths import run_folder, runs_folder


def make(*names):
    for name in names:
        (runs_folder() / name).mkdir(parents=True)
        (runs_folder() / name / "config.json").write_text("{}")


def refused(name, **how):
    with pytest.raises(NotFound) as caught:
        find_run(name, **how)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_run_is_found_by_corpus_name_and_by_path(tmp_path, monkeypatch):
    make("snli", "nli-tiny")
    assert find_run("snli") == run_folder("snli")
    assert find_run("tiny", prefixes=("", "nli-")) == run_folder("nli-tiny")
    assert find_run(str(run_folder("snli"))) == run_folder("snli")
    monkeypatch.chdir(runs_folder())
    assert find_run("./snli") == Path("snli")


def test_a_missing_run_names_the_places_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    line = refused("yelp")
    assert str(run_folder("yelp") / "config.json") in line
    assert "'arae-toolkit pretrain yelp' trains one" in line
    assert "looked for models/yelp/config.json; " in refused("models/yelp")
    (tmp_path / "own.txt").write_text("a man runs .\n")
    assert "'arae-toolkit pretrain own.txt' trains one" in refused("own.txt")


def test_no_training_of_an_unknown_name_is_advised():
    line = refused("nowhere")
    assert "pretrain nowhere" not in line
    assert "there are no runs yet" in line
    assert "'arae-toolkit pretrain CORPUS' trains one" in line
    assert "snli, yelp, yahoo, mnist, digits, synthetic, " in line
    make("captions", "nli-tiny", "ae")
    line = refused("nowhere")
    assert "there are ae, captions, nli-tiny (see 'arae-toolkit runs')" in line
    assert "pretrain CORPUS" in line
    assert "'arae-toolkit nli' trains one" in refused("nowhere", advice="arae-toolkit nli")


def test_a_mistyped_name_is_told_the_nearest():
    make("captions", "nli-tiny", "reviews")
    assert refused("captoins").endswith("did you mean 'captions'?")
    assert refused("tiyn", prefixes=("", "nli-")).endswith("did you mean 'nli-tiny'?")


def test_of_many_runs_some_are_named():
    make(*(f"trial-{number}" for number in range(12)))
    assert "there are trial-0, trial-1, trial-2, trial-3, trial-4 and 7 more (" in refused("nope")


def test_a_folder_of_seeds_names_the_models_in_it():
    make(*(f"nli-few/seed-{seed}" for seed in (0, 2, 10)))
    folder = run_folder("nli-few")
    assert refused("few", prefixes=("", "nli-")) == (
        f"{folder}: no model itself, but a folder of the models seed-0, seed-2, seed-10; name one "
        f"of them, such as {folder / 'seed-0'}"
    )
    make("all/arae/seed-0", "all/ae/seed-0")
    assert "of the models ae/seed-0, arae/seed-0; " in refused(str(run_folder("all")))


def test_seeds_that_pretrain_has_left_beside_the_name_are_named():
    make("snli-seed-0", "snli-seed-1", "snli-ae")
    assert refused("snli").endswith(
        "; of several seeds there are snli-seed-0, snli-seed-1: name one of them"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("latent", "walk", "few", "--random", "1"),
        ("sample", "few"),
        ("encode", "few", "--text", "a man"),
        ("transfer", "few", "--to", "positive", "--text", "a man"),
        ("prior", "list", "few"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_an_average_of_seeds_says_what_it_is(words):
    """It has no weights of its own, and is not damaged."""
    small.save_pair_model(run_folder("few"), 1, 2)
    told = call(*words, code=4, input="").stderr
    assert told == (
        f"arae-toolkit: error: {run_folder('few')}: no single model, but the average of the "
        "classifiers of sentence pairs in its folders member-0, member-1, for 'arae-toolkit nli "
        "predict', 'nli evaluate', 'report' and 'serve'\n"
    )


def test_a_model_of_another_kind_is_said_before_its_corpus_is_looked_at():
    small.save_model(run_folder("plain"))
    told = call("evaluate", "transfer", "plain", code=4).stderr
    assert "plain: no transfer model; name a folder that" in told
