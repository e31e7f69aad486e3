"""What is in the way of a row of Tables 2 to 4 is told before another row's hours of training."""

import json
from pathlib import Path

import pytest
import small_transfer
from command_line import call
from small_transfer import small_labelled_corpus

SIZES = ("embedding_size=16", "code_size=16", "hidden_size=16", "classifier_sizes=[16]")
SMALL = [
    *("--preset", "demo", "--set", "epochs=1", "--set", "batch_size=32", "--limit", "8"),
    *("--split", "dev"),
    *(word for size in SIZES for word in ("--set", size)),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return small_labelled_corpus(tmp_path_factory.mktemp("labelled")).folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Give scorers and judges a place that the tests share."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(autouse=True)
def places(runs, monkeypatch):
    monkeypatch.setenv("ARAE_RUNS", str(runs))


def _table(name: str, corpus: Path, folder: Path, *more: object, code: int = 0):
    return call(
        *("reproduce", name, "--corpus", corpus, "--out", folder / "t"),
        *("--results", folder / "results", *SMALL, *more),
        code=code,
    )


@pytest.fixture(scope="module")
def untuned(corpus, runs, tmp_path_factory):
    """Train a row of Table 3 once, without pilots."""
    folder = tmp_path_factory.mktemp("untuned")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("ARAE_RUNS", str(runs))
        _table("table3", corpus, folder, "--system", "ae", "--no-tune")
    return folder


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def _refused(untuned: Path, table: str, corpus: Path, *more: object, code: int = 4) -> str:
    """Return the only line of a table that is refused, and nothing trained."""
    before = _files(untuned)
    told = _table(table, corpus, untuned, *more, code=code)
    assert _files(untuned) == before
    assert not told.stdout
    (line,) = told.stderr.splitlines()
    return line


@pytest.mark.parametrize("table", ["table2", "table3"])
@pytest.mark.parametrize("tuned", [[], ["--no-tune"]])
def test_a_run_with_other_settings_is_refused_before_pilots_of_any_row(
    untuned, corpus, table, tuned
):
    """The row of ``denoising`` comes first, and would be trained."""
    line = _refused(
        *(untuned, table, corpus, "--system", "denoising", "--system", "ae", *tuned),
        *("--set", "noise_size=9"),
    )
    place = untuned / "t" / "ae" / "seed-0"
    assert f"{place}: holds a run with other settings (model.noise_size 32 there, 9 here)" in line


def test_a_precision_that_one_row_does_not_have_is_refused_as_well(untuned, corpus):
    line = _refused(untuned, "table3", corpus, "--no-tune", "--precision", "bf16", "--system", "ae")
    assert "(precision fp32 there, bf16 here)" in line


def test_a_run_without_pilots_is_refused_where_pilots_would_choose(untuned, corpus):
    """They may choose other settings, and would have been trained for nothing."""
    line = _refused(untuned, "table3", corpus, "--system", "ae")
    assert f"{untuned / 't' / 'ae' / 'seed-0'}: trained without pilots" in line
    assert "--no-tune" in line


def test_settings_that_no_pilot_can_choose_are_refused(untuned, corpus):
    """The folder's one epoch is none of the two that pilots choose among."""
    words = [word for word in SMALL if word not in ("--preset", "demo", "epochs=1")]
    words = ["--preset", "demo", *words[1:]]  # without --set epochs=1
    told = call(
        *("reproduce", "table3", "--corpus", corpus, "--out", untuned / "t", "--system", "ae"),
        *("--results", untuned / "results", *words),
        code=4,
    )
    assert "training.epochs 1 there, 10 here" in told.stderr


def test_all_parts_of_table4_are_looked_at_first(corpus, untuned, tmp_path):
    """The second part's folder has the run of other settings; the first is empty."""
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "replies").symlink_to(untuned / "t")
    told = _table(
        *("table4", corpus, tmp_path, "--corpus", corpus, "--system", "ae", "--no-tune"),
        *("--set", "noise_size=9"),
        code=4,
    )
    assert "replies/ae/seed-0: holds a run with other settings" in told.stderr
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["replies"]


@pytest.mark.parametrize("row", ['{"text": "a b", "part": "titles"}', "7", "{"])
def test_sentences_of_ones_own_are_read_first(corpus, tmp_path, row):
    inputs = tmp_path / "inputs.jsonl"
    good = json.dumps({"text": "The food was bad.", "label": "bad", "part": "titles"})
    inputs.write_text(f"{good}\n{row}\n")
    told = _table(
        *("table4", corpus, tmp_path, "--part", "titles", "--system", "ae", "--inputs", inputs),
        code=3,
    )
    (line,) = told.stderr.splitlines()
    assert f"{inputs}:2: not an object with text, label and part" in line


def test_a_finished_model_that_lacks_a_label_is_refused_first(corpus, tmp_path):
    model = small_transfer.save_model(tmp_path / "own", attributes=("fair", "good"))
    told = _table(
        *("table3", corpus, tmp_path, "--system", "ae", "--model", f"own={model}"), code=3
    )
    (line,) = told.stderr.splitlines()
    assert f"{model}: no label 'bad'" in line


@pytest.mark.parametrize("table", ["table2", "table3"])
def test_a_row_that_diverges_costs_no_other(corpus, tmp_path, table):
    """It is told once, however it is asked; the rest is printed, and the exit code says so."""
    done = _table(
        *(table, corpus, tmp_path, "--no-tune", "--set", "autoencoder_rate=1000000"),
        *("--system", "ae", "--system", "ae@c2", "--system", "delete-and-replace"),
        code=5,
    )
    assert done.stderr.count("; left out") == 1
    details = json.loads((tmp_path / "results" / f"{table}.json").read_text())["details"]
    assert [name for name in details["systems"] if name != "copy"] == ["delete-and-replace"]
    assert [*details["left_out"]] == ["ae"]
    assert "| " in done.stdout
