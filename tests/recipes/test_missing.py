"""What a command line names and is not there is wrong usage, whatever it is and whoever asks."""

import click
import pytest
import small
import small_transfer
from command_line import call
from command_tree import command_named, command_names

from arae_toolkit.storage.paths import run_folder

NOTHING = "no-such-thing"
MORE = {
    "transfer": ("--to", "positive"),
    "nli evaluate": ("-",),
    "latent arithmetic": ("--word", "man"),
    "latent walk": ("--random", "1"),
    "evaluate readings make": ("--out", "sheets"),
}
"""What a command needs beside its run."""
NLI = ("nli", "--corpus", "corpus", "--labels", "60")


def arguments_of(name):
    return [one.name for one in command_named(name).params if isinstance(one, click.Argument)]


def refused(*words):
    """The exit code, and one line that names what is not there."""
    told = call(*words, code=2, input="").stderr
    assert NOTHING in told.splitlines()[-1]
    return told


OF_RUNS = [name for name in command_names() if {"run", "runs"} & {*arguments_of(name)}]
OF_FILES = [name for name in OF_RUNS if {"source", "inputs"} & {*arguments_of(name)}]
OF_FILES.remove("latent neighbours")  # which opens its corpus first, and so stands below


@pytest.mark.parametrize("name", OF_RUNS)
def test_a_run(name):
    if name == "serve":
        pytest.importorskip("starlette", reason="the extra web is not installed")
    told = refused(*name.split(), NOTHING, *MORE.get(name, ()))
    assert len(told.splitlines()) == 1
    assert f"no trained model '{NOTHING}'" in told


@pytest.mark.parametrize("words", [(), ("--corpus",)])
@pytest.mark.parametrize("name", ["prepare", "pretrain", "nli", "nli pretrain", "reproduce table5"])
def test_a_corpus(name, words):
    if bool(words) == ("corpus_name" in {one.name for one in command_named(name).params}):
        refused(*name.split(), *words, NOTHING)


@pytest.mark.parametrize("name", OF_FILES)
def test_a_file_of_rows(name):
    """It is missed before the run is looked for, or after."""
    run = run_folder("there")
    if name == "transfer":
        small_transfer.save_model(run)
    elif name.startswith("nli"):
        small.save_pair_model(run)
    else:
        small.save_model(run)
    more = tuple(word for word in MORE.get(name, ()) if word not in ("-", "--random", "1"))
    refused(*name.split(), "there", f"{NOTHING}.jsonl", *more)


@pytest.mark.parametrize(
    "words",
    [
        ("sample", "there", "--prior", NOTHING),
        ("latent", "arithmetic", "there", "--with", NOTHING, "--without", NOTHING, "--match", "a"),
        ("latent", "neighbours", "there", f"{NOTHING}.jsonl", "--corpus", "corpus"),
        ("evaluate", "transfer-ratings", NOTHING, "sheet.csv"),
        ("evaluate", "readings", "count", NOTHING, "sheet.csv"),
        ("evaluate", "generation", "--outputs", f"own={NOTHING}", "--corpus", "corpus"),
        ("evaluate", "readings", "make", "--outputs", f"own={NOTHING}", "--corpus", "corpus"),
        ("evaluate", "transfer", "--outputs", "own=x.txt", "--corpus", NOTHING),
        ("evaluate", "reconstruction", "there", "--corpus", NOTHING),
        ("report", "there", "--corpus", NOTHING),
        ("prepare", "yelp", "--source", NOTHING),
        ("pretrain", "corpus", "--resume", NOTHING),
        ("pretrain", "corpus", "--config", NOTHING),
        (*NLI, "--encoder", NOTHING),
        (*NLI, "--encoder", "random", "--pseudo-labels", NOTHING),
        ("runs", "--folder", NOTHING),
        ("runs", "compare", "there", "--metric", NOTHING),
    ],
    ids=" ".join,
)
def test_what_an_option_or_another_argument_names(words, synthetic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small.save_model(run_folder("there"))
    (tmp_path / "x.txt").write_text("a\tb\n")
    refused(*(synthetic if word == "corpus" else word for word in words))
