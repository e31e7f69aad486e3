"""``arae-toolkit sweep``: the commands as a user types them."""

import importlib.util
import json
import signal
import time

import pytest
import small_runs
from command_line import call, start

from arae_toolkit.storage.paths import runs_folder

pytest.importorskip("optuna", reason="the extra search is not installed")
OVER = ("--over", "word_drop=0:0.4", "--over", "adversarial_weight=log:0.5:5")
SIZES = small_runs.SMALL[2:]  # without the preset


def sweep(corpus, *more, code=0):
    options = ("--preset", "faithful", *SIZES, "--set", "epochs=1", "--device", "cpu")
    return call("sweep", "pretrain", corpus, *OVER, *options, *more, code=code)


def rows_of(table):
    """Return the cells of the first Markdown table of a text, by the first cell."""
    lines = table.split("\n\n")[0].splitlines()
    head, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return {row[0]: dict(zip(head, row, strict=True)) for row in rows[1:]}


def test_the_trials_of_a_sweep_are_runs_with_a_front_and_a_file_of_results(synthetic, tmp_path):
    out, results = tmp_path / "runs" / "one", tmp_path / "results"
    options = ("--objective", "reconstruction,exact", "--out", out, "--results", results)
    table = rows_of(sweep(synthetic, *options, "--trials", 1).stdout)
    assert set(table) == {"0 *"}
    # The settings as they are come first, as far as they are in the ranges.
    assert (table["0 *"]["word_drop"], table["0 *"]["adversarial_weight"]) == ("0", "5")
    result = sweep(synthetic, *options, "--trials", 3, "--json")
    shown = json.loads(result.stdout)
    assert [trial["state"] for trial in shown["trials"]] == ["done"] * 3
    assert "trial 0" not in result.stderr
    assert shown["objectives"] == {"reconstruction": "minimize", "exact": "maximize"}
    assert {path.name for path in out.glob("*.*ml")} == {"front.html", "sensitivity.html"}
    assert (out / "front.png").read_bytes()[:4] == b"\x89PNG"
    listed = json.loads(call("runs", "--json").stdout)["runs"]
    assert {run["name"] for run in listed} == {f"one/trial-000{number}" for number in range(3)}
    figures = {run["name"]: run["dev"]["nats_per_sentence"] for run in listed}
    for trial in shown["trials"]:
        assert trial["values"][0] == figures[f"one/trial-000{trial['number']}"]
    assert call("sample", out / "trial-0002", "--count", "2", "--device", "cpu").stdout
    content = json.loads((results / "one.json").read_text())
    best = min(trial["values"][0] for trial in shown["trials"])
    assert content["metrics"]["best reconstruction"]["value"] == pytest.approx(best, rel=1e-5)
    assert len(content["details"]["trials"]) == 3
    assert "--over=word_drop=0:0.4" in content["command"]
    other = sweep(synthetic, *options, "--set", "batch_size=16", code=4)
    assert "training.batch_size 32 there, 16 here" in other.stderr


def test_weights_are_selected_by_reverse_perplexity_where_it_is_the_objective(synthetic, tmp_path):
    sampled = ("--set", "selection_samples=100", "--set", "evaluate_every=9")
    objective = ("--objective", "reverse-perplexity,forward-perplexity,nats_per_token")
    out, results = tmp_path / "runs" / "by", tmp_path / "results"
    words = ("--trials", "1", "--out", out, "--results", results, "--json")
    result = sweep(synthetic, *sampled, *objective, *words)
    (trial,) = json.loads(result.stdout)["trials"]
    rows = [row for row in small_runs.rows_of(out / "trial-0000") if row["kind"] == "dev"]
    best = min(rows, key=lambda row: row["reverse_perplexity"])
    assert len(rows) > 1
    assert trial["values"][0] == best["reverse_perplexity"]
    assert trial["values"][2] == best["nats_per_token"]
    assert trial["values"][1] > 1
    assert (out / "trial-0000" / "last").is_dir()
    clash = sweep(synthetic, "--set", "select=nats", "--out", tmp_path / "other", code=2)
    assert "selects weights by it, not by nats" in clash.stderr


def test_a_worker_that_is_killed_leaves_its_trial_to_the_other(synthetic, tmp_path):
    """Two processes share a journal; one is killed in the middle of its trial."""
    out = tmp_path / "runs" / "shared"
    words = ("sweep", "pretrain", synthetic, *OVER, "--preset", "faithful", *SIZES)
    words = (*words, "--set", "epochs=8", "--objective", "nats_per_token", "--no-prune", "--json")
    words = (*words, "--device", "cpu", "--out", out, "--results", tmp_path, "--trials", "3")
    workers = [start(*words), start(*words)]
    state = "training_state.safetensors"
    deadline = time.monotonic() + 600
    while not all((out / f"trial-000{number}" / state).exists() for number in (0, 1)):
        assert time.monotonic() < deadline and all(worker.poll() is None for worker in workers)
        time.sleep(0.02)
    holder = json.loads((out / ".trial-0000.locked-by.json").read_text())
    (killed,) = [worker for worker in workers if worker.pid == holder["process"]]
    (other,) = [worker for worker in workers if worker is not killed]
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    stdout, stderr = other.communicate(timeout=600)
    assert other.returncode == 0, stderr
    assert "trial 0 is gone on with" in stderr and "going on from iteration" in stderr
    trials = json.loads(stdout)["trials"]
    assert [trial["state"] for trial in trials] == ["done"] * 3
    for number, trial in enumerate(trials):
        rows = [r for r in small_runs.rows_of(out / f"trial-000{number}") if r["kind"] == "dev"]
        assert trial["curve"] == [row["nats_per_token"] for row in rows]
        assert len(rows) == 8


def test_a_classifier_of_pairs_is_searched_by_its_accuracy(tmp_path):
    corpus = tmp_path / "pairs"
    call("prepare", "synthetic", "--size", "1200", "--judges-share", "0", "--out", corpus)
    settings = ("embedding_size=12", "code_size=16", "hidden_size=12", "batch_size=16", "epochs=14")
    settings = (*settings, "warmup=5", "embedding_dropout=0")
    result = call(
        *("sweep", "nli", "--corpus", corpus, "--labels", "240", "--encoder", "random"),
        *("--model", "bilstm-max", "--over", "rate=0.003,0.005", "--trials", "2", "--json"),
        *[part for setting in settings for part in ("--set", setting)],
        *("--set", "dropout=0", "--device", "cpu", "--results", tmp_path / "results"),
    )
    out = runs_folder() / "nli-pairs-240-bilstm-max-sweep"
    for trial in json.loads(result.stdout)["trials"]:
        assert trial["state"] == "done", result.stderr
        measured = json.loads((out / f"trial-000{trial['number']}" / "evaluation.json").read_text())
        assert trial["values"] == [measured["dev"]["accuracy"]]


@pytest.mark.slow
def test_a_transfer_model_is_searched_for_the_front_of_what_is_moved_and_kept(tmp_path):
    words = ("--trials", "1", "--epochs", "1", "--device", "cpu", "--results", tmp_path / "results")
    result = call("sweep", "transfer", "--quick", *words)
    assert result.stdout.startswith("| trial | state | transferred | content_bleu | attribute_")
    assert rows_of(result.stdout)["0 *"]["state"] == "done"
    out = runs_folder() / "transfer-quick-sweep"
    (row,) = [r for r in small_runs.rows_of(out / "trial-0000") if r["kind"] == "dev"]
    content = json.loads((tmp_path / "results" / "transfer-quick-sweep.json").read_text())
    values = [metric["value"] for metric in content["metrics"].values()]
    assert values[0] == pytest.approx(row["transferred"], rel=1e-5)
    assert content["metrics"]["best content_bleu"]["unit"] == "BLEU"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "no setting is to be varied"),
        (("--over", "word_drop=0:2"), "word_drop must be from 0 to 1"),
        (("--over", "word_drops=0:1"), "no setting 'word_drops'"),
        (("--over", "word_drop=0:1", "--set", "word_drop=0.1"), "has one value already"),
        (("--over", "epochs=1:4", "--epochs", "3"), "has one value already"),
        (("--over", "word_drop=0:1", "--objective", "exact:up"), "is no objective"),
        (("--over", "word_drop=0:1", "--set", "epochs=x"), "epochs must be a whole number"),
        (("--quick",), "name a CORPUS, or let --quick"),
    ],
)
def test_what_cannot_be_searched_is_a_usage_error(synthetic, words, problem):
    result = call("sweep", "pretrain", synthetic, *words, code=2)
    assert problem in result.stderr
    assert not runs_folder().exists()


def test_a_setting_that_classifiers_do_not_look_at_is_not_searched(synthetic):
    words = ("sweep", "nli", "--corpus", synthetic, "--labels", "20", "--encoder", "random")
    over = call(*words, "--over", "matching_weight=0:1", code=2)
    assert "matching_weight changes nothing here" in over.stderr
    fixed = call(*words, "--over", "dropout=0:0.5", "--set", "matching_weight=0.3", code=2)
    assert "'arae-toolkit nli pretrain' uses it" in fixed.stderr
    assert not runs_folder().exists()


def test_a_transfer_model_needs_labels_and_a_corpus(synthetic):
    over = ("--over", "word_drop=0:0.4")
    assert "no labelled sentences" in call("sweep", "transfer", synthetic, *over, code=2).stderr
    assert "name a CORPUS" in call("sweep", "transfer", *over, code=2).stderr


def test_without_the_extra_one_line_names_it(synthetic, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "optuna" else found(name)
    )
    for words in (("pretrain", synthetic), ("nli",), ("transfer", synthetic)):
        result = call("sweep", *words, *OVER, code=1)
        assert result.stderr.strip().splitlines() == [
            "arae-toolkit: error: optuna not installed; install the extra: pip install "
            "'arae-toolkit[search]'"
        ]
