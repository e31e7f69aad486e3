"""``reproduce all`` goes on after a failure; ``table2`` shows sentences as the paper does."""

import json

import click
import pytest
from command_line import call

from arae_toolkit.data.corpus import Corpus, texts_of
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.reproduce import group
from arae_toolkit.recipes.reproduce.transfer import options as transfer_options
from arae_toolkit.recipes.reproduce.transfer import runs as transfer_runs
from arae_toolkit.reports.tables.transfer import examples_table
from arae_toolkit.training.loop import Interrupted


def made(name, error=None):
    """Return a stand-in for the command of a table, which tells what it was given."""

    @click.command(name)
    @click.option("--quick", is_flag=True)
    @click.option("--device")
    @click.option("--precision")
    @click.option("--results")
    def command(**given):
        if error is not None:
            raise error
        click.echo(f"{name} {given['quick']} {given['precision']}")

    return command


@pytest.fixture
def tables(monkeypatch):
    """Put other commands in the place of some tables, and leave out the rest."""

    def put(**commands):
        monkeypatch.setattr(group.reproduce, "table", {"all": group.TABLES["all"]}, raising=True)
        monkeypatch.setattr(group.reproduce, "commands", commands)

    return put


def test_all_makes_one_after_another_with_the_same_options(tables):
    tables(table1=made("table1"), figure5=made("figure5"))
    done = call("reproduce", "all", "--quick", "--precision", "bf16")
    expected = ["# figure5", "figure5 True bf16", "# table1", "table1 True bf16"]
    assert [line for line in done.stdout.splitlines() if line] == expected


def test_one_that_fails_is_named_and_the_others_are_made(tables):
    tables(
        table1=made("table1", ToolkitError("no corpus")),
        table3=made("table3", click.UsageError("no such option")),
        figure5=made("figure5"),
    )
    done = call("reproduce", "all", code=1)
    assert "table1: no corpus; going on with the next" in done.stderr
    assert "table3: no such option" in done.stderr
    assert "figure5 False fp32" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("arae-toolkit: error: not made: table1, table3;")


def test_a_stop_stops_all_of_them(tables):
    tables(figure5=made("figure5", Interrupted(2, 7)), table1=made("table1"))
    done = call("reproduce", "all", code=130)
    assert "table1" not in done.stdout


# --- table2 ----------------------------------------------------------------------------------


def test_table2_shows_what_systems_write_and_its_results_hold_no_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(transfer_options.QUICK_SIZES, "synthetic-sentiment", 600)
    trained = []

    def rewritten(system, place, sources, names, **_):
        """The first comes back as it was, so that it stands in the corpus."""
        trained.append((place, names[0]))
        return [sources.texts[0], *("new new new ." for _ in sources.texts[1:])]

    monkeypatch.setattr(transfer_runs, "train_system", lambda *_, **__: None)
    monkeypatch.setattr(transfer_runs, "outputs_of", rewritten)
    results, out = tmp_path / "results", tmp_path / "out"
    words = ["reproduce", "table2", "--quick", "--count", 2]
    done = call(*words, "--out", out, "--results", results)
    assert trained == [
        (out / name / "seed-0", "negative") for name in transfer_options.QUICK_SYSTEMS
    ]
    corpus = Corpus(out / "corpus")
    test = corpus.split("test")
    texts = texts_of(test, corpus.vocabulary)
    shown = [line.split("**")[3] for line in done.stdout.splitlines() if line.startswith("| **")]
    expected = [
        [
            text
            for text, own, length in zip(texts, test.labels, test.lengths, strict=True)
            if own == label and 5 <= length - 1 <= 15
        ][:2]
        for label in range(2)
    ]
    assert shown == [text for own in expected for text in own]
    result = (results / "table2-quick.json").read_text()
    assert not any(f'"{text}"' in result for text in texts)
    metrics = json.loads(result)["metrics"]
    found = [metrics[f"arae-1, {what}"]["value"] for what in ("shown", "left out")]
    assert found == [3, 1]
    assert done.stdout.count("(stands in the corpus)") == 2
    assert (out / "table2-quick.md").read_text() == done.stdout


def test_what_stands_in_the_corpus_is_left_out_and_counted():
    result = {
        "corpus": {"name": "reviews", "rows": 9},
        "details": {"count": 1, "split": "test", "words": [5, 15]},
    }
    asked = [("bad", "good", "the soup is bad ."), ("good", "bad", "the tea is good .")]
    text = examples_table(asked, {"arae-1": ["the soup is good .", None]}, result)
    assert "| ARAE, λ(1) = 1, good | the soup is good . |" in text
    assert "| ARAE, λ(1) = 1, bad | (stands in the corpus) |" in text
    assert "1 outputs that stand in the corpus are left out" in text


def test_table4_has_a_quick_form_that_takes_no_corpus():
    done = call("reproduce", "table4", "--quick", "--part", "titles", code=2)
    assert "--quick has a corpus of its own" in done.stderr
