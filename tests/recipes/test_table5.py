"""``reproduce table5``: rows tuned alike, trained once, and refused before others are trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import call

from arae_toolkit.nli.settings import PairConfig, PairModelConfig, PairTrainingConfig
from arae_toolkit.recipes.reproduce.inference import rows as table5_rows
from arae_toolkit.recipes.reproduce.inference.rows import EncoderRow
from arae_toolkit.training.metrics_log import read_rows


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepare a small synthetic corpus once."""
    out = tmp_path_factory.mktemp("corpora") / "synthetic"
    call("prepare", "synthetic", "--size", "1200", "--judges-share", "0", "--out", out)
    return out


def _result(folder: Path, name: str = "table5") -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "results" / f"{name}.json").read_text())
    return content


@pytest.mark.slow
def test_table5_on_synthetic_pairs(tmp_path):
    """The quick table has every row, in Markdown on stdout and in a file of results."""
    result = call(
        "reproduce", "table5", "--quick", "--out", tmp_path / "t", "--results", tmp_path / "results"
    )
    lines = result.stdout.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "random weights (supervised)", "AE", "ARAE", "hypothesis alone", "most frequent label",
    ]  # fmt: skip
    metrics = _result(tmp_path, "table5-quick")["metrics"]
    assert all(np.isfinite(metric["value"]) for metric in metrics.values())
    assert (tmp_path / "t" / "table5-quick.md").read_text() == result.stdout


def _small_classifiers(monkeypatch):
    """Have Table 5 train classifiers that learn from 300 pairs.

    One direction learns nothing from so few; two take the embeddings of the encoders.
    """
    model = PairModelConfig("bilstm-max", 16, 16, 12, embedding_dropout=0.0, dropout=0.0)
    training = PairTrainingConfig(batch_size=16, rate=0.003, warmup=5)
    monkeypatch.setitem(table5_rows.MODELS, "paper", PairConfig(model, training))
    monkeypatch.setattr(table5_rows, "MORE_LABELS_EPOCHS", 14)


def test_rows_of_table5_are_tuned_alike_and_on_dev(corpus, tmp_path, monkeypatch):
    """Pilots choose; a row has its base's settings too, and nothing is trained again."""
    _small_classifiers(monkeypatch)
    monkeypatch.setattr(table5_rows, "MORE_LABELS_EPOCHS", 24)  # half as many are enough as well
    short = ("epochs=2", "longest_sentence=9")
    sizes = ("embedding_size=16", "code_size=16", "hidden_size=16", "generator_sizes=[8]")
    common = (*sizes, "critic_sizes=[8]", "evaluation_sentences=50")
    monkeypatch.setattr(table5_rows, "COMMON", common)
    rows = {
        "supervised": EncoderRow(None, ((), ("rate=0.004",))),
        "ae-15": EncoderRow("ae", (("code_noise=0.05",), ("code_noise=0.3",)), short),
        "arae": EncoderRow(
            "arae", (("adversarial_weight=1",), ("adversarial_weight=9",)), short, "ae-15"
        ),
    }
    for name, row in rows.items():
        monkeypatch.setitem(table5_rows.ROWS, name, row)
    arguments = [
        "reproduce", "table5", "--labels", "300", "--seeds", 1, "--pretraining-seeds", 2,
        *(word for name in rows for word in ("--system", name)),
        "--corpus", corpus, "--out", tmp_path / "t", "--results", tmp_path / "results",
    ]  # fmt: skip
    first = call(*arguments)
    result = _result(tmp_path)
    about = result["details"]["rows"]
    for name, row in rows.items():
        pilots = about[name]["tuning"]["pilots"]
        assert [tuple(pilot["changes"]) for pilot in pilots] == list(row.choices)
        best = max(pilots, key=lambda pilot: pilot["score"])
        assert about[name]["tuning"]["chosen"] == best["changes"]
        assert best["changes"] == about[name]["settings"][-len(best["changes"]) or 99 :]
    noise = about["ae-15"]["tuning"]["chosen"]
    assert about["arae"]["settings"] == [
        *common,
        *short,
        *noise,
        *short,
        *about["arae"]["tuning"]["chosen"],
    ]
    runs = result["details"]["runs"]
    assert {name: [*map(len, found.values())] for name, found in runs.items()} == {
        "300, supervised": [2], "300, ae-15": [1, 1], "300, arae": [1, 1],
    }  # fmt: skip
    assert {
        (d["row"], d["less"]): d["runs"]["pairs"] for d in result["details"]["differences"]
    } == {("arae", "ae-15"): 2}
    assert "ARAE, than AE, at most 15 words" in first.stdout
    logs = {log: read_rows(log) for log in (tmp_path / "t").rglob("metrics.jsonl")}
    pilots, encoders, classifiers = 2 * 3 + 2 * 2, 2 * 2, 3 * 2
    assert len(logs) == pilots + encoders + classifiers
    assert call(*arguments).stdout == first.stdout
    assert all(read_rows(log) == rows for log, rows in logs.items())
    assert _result(tmp_path)["seconds"] == result["seconds"] > 0

    # On another machine: one row alone, by the noise that its base was given.
    alone = call(*(word for word in _alone(arguments, "arae")), "--out", tmp_path / "other")
    assert alone.stdout == first.stdout
    later = _result(tmp_path)
    for name in ("metrics", "corpus", "seeds"):
        assert later[name] == result[name]
    for name in ("rows", "runs", "differences", "labels", "pretraining_seeds"):
        assert later["details"][name] == result["details"][name]
    assert {path.name for path in (tmp_path / "other" / "encoders").iterdir()} == {"arae"}
    assert {path.name[:-2] for path in (tmp_path / "other" / "pilots").iterdir()} == {"arae"}
    made = later["details"]["made_by"]
    assert (
        list(made) == ["supervised", "ae-15"] and "--system=supervised" in made["ae-15"]["command"]
    )
    assert "--system=supervised" not in later["command"]
    otherwise = call(*_alone(arguments, "supervised"), "--seeds", 2)
    told = "not measured as this call measures (protocol); replaced, with the rows ae-15, arae"
    assert told in otherwise.stderr
    assert list(_result(tmp_path)["details"]["rows"]) == ["supervised"]


def _alone(arguments: list[Any], row: str) -> list[Any]:
    """Return the arguments of a call for one row of those that others ask for."""
    kept = list(arguments)
    while "--system" in kept:
        place = kept.index("--system")
        del kept[place : place + 2]
    return [*kept, "--system", row]


def test_table5_is_put_together_from_finished_cells(corpus, tmp_path, monkeypatch):
    """A split too large for the corpus is left out and named; nothing finished is trained again."""
    _small_classifiers(monkeypatch)
    small = ["--set", "embedding_size=16", "--set", "code_size=16", "--set", "hidden_size=16"]
    sizes = [*small, "--set", "generator_sizes=[8]", "--set", "critic_sizes=[8]"]
    for kind in ("ae", "arae"):
        call(
            "pretrain", corpus, "--model", kind, "--out", tmp_path / kind, *sizes,
            "--set", "epochs=1", "--set", "evaluation_sentences=50",
        )  # fmt: skip
    arguments = [
        "reproduce", "table5", "--labels", "300", "--labels", "tiny", "--seeds", "1",
        "--corpus", corpus, "--ae", tmp_path / "ae", "--arae", tmp_path / "arae", "--no-tune",
        *("--system", "supervised", "--system", "ae", "--system", "arae"),
        "--out", tmp_path / "t", "--results", tmp_path / "results",
    ]  # fmt: skip
    first = call(*arguments)
    assert "tiny needs 28,000" in first.stderr
    assert "left out" in first.stderr
    again = call(*arguments)
    assert again.stdout == first.stdout
    assert "epoch" not in again.stderr


def test_an_encoder_that_diverges_costs_table5_no_other_row(corpus, tmp_path, monkeypatch):
    """As a pilot it scores nothing; as a row it is left out, and the exit code says so."""
    _small_classifiers(monkeypatch)
    monkeypatch.setattr(table5_rows, "MORE_LABELS_EPOCHS", 24)
    sizes = ("embedding_size=16", "code_size=16", "hidden_size=16", "generator_sizes=[8]")
    common = (*sizes, "critic_sizes=[8]", "evaluation_sentences=50", "epochs=2")
    monkeypatch.setattr(table5_rows, "COMMON", common)
    diverging = ("autoencoder_rate=1e6",)
    monkeypatch.setitem(
        table5_rows.ROWS, "ae-15", EncoderRow("ae", (diverging, ("code_noise=0.05",)))
    )
    monkeypatch.setitem(table5_rows.ROWS, "ae", EncoderRow("ae", (diverging,)))
    result = call(
        "reproduce", "table5", "--labels", "300", "--seeds", 1, "--pretraining-seeds", 1,
        "--system", "ae", "--system", "ae-15", "--corpus", corpus, "--out", tmp_path / "t",
        "--results", tmp_path / "results", code=5,
    )  # fmt: skip
    about = _result(tmp_path)["details"]["rows"]
    assert [*about] == ["ae-15"]
    assert about["ae-15"]["tuning"]["chosen"] == ["code_noise=0.05"]
    assert about["ae-15"]["tuning"]["pilots"][0]["score"] == 0
    assert result.stderr.count("left out") == 2


def _small_table5(monkeypatch, corpus: Path, folder: Path, **rows: EncoderRow) -> list[object]:
    """Make Table 5 small, of these rows; return the words that ask for it, of one seed each."""
    _small_classifiers(monkeypatch)
    sizes = ("embedding_size=16", "code_size=16", "hidden_size=16", "generator_sizes=[8]")
    common = (*sizes, "critic_sizes=[8]", "evaluation_sentences=50", "epochs=1")
    monkeypatch.setattr(table5_rows, "COMMON", common)
    for name, row in rows.items():
        monkeypatch.setitem(table5_rows.ROWS, name, row)
    return [
        *("reproduce", "table5", "--seeds", 1, "--pretraining-seeds", 1, "--corpus", corpus),
        *("--out", folder / "t", "--results", folder / "results"),
        *(word for name in rows for word in ("--system", name)),
    ]


def test_an_encoder_that_diverges_is_trained_once_for_all_label_splits(
    corpus, tmp_path, monkeypatch
):
    rows = {"ae": EncoderRow("ae", (("autoencoder_rate=1e6",),)), "supervised": EncoderRow(None)}
    words = _small_table5(monkeypatch, corpus, tmp_path, **rows)
    trained = []
    train = table5_rows.Encoders._pretrained

    def counted(self, name, *rest):
        trained.append(name)
        return train(self, name, *rest)

    monkeypatch.setattr(table5_rows.Encoders, "_pretrained", counted)
    done = call(*words, "--labels", "300", "--labels", "270", code=5)
    assert trained == ["ae"]
    assert done.stderr.count("left out") == 1
    details = _result(tmp_path)["details"]
    assert [*details["left_out"]] == ["300, ae", "270, ae"]
    assert [*details["runs"]] == ["300, supervised", "270, supervised"]


def _files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_what_is_in_the_way_of_a_row_of_table5_is_told_first(corpus, tmp_path, monkeypatch):
    """Each time the row of ``denoising-ae`` comes first, and would be trained."""
    two = (("code_noise=0.05",), ("code_noise=0.3",))
    rows = {"denoising-ae": EncoderRow("ae", two), "ae-15": EncoderRow("ae", two)}
    words = _small_table5(monkeypatch, corpus, tmp_path, **rows)
    one = [word for word in words if word not in ("--system", "denoising-ae")]
    one[one.index("ae-15")] = "--system=ae-15"
    call(*one, "--labels", "270", "--no-tune")
    before = _files(tmp_path / "t")

    def refused(*more: object, code: int = 4) -> str:
        told = call(*words, *more, code=code)
        assert _files(tmp_path / "t") == before
        assert told.stderr.count("arae-toolkit: ") == 1
        return told.stderr.splitlines()[-1]

    cell, encoder = (tmp_path / "t" / name for name in ("270-ae-15", "encoders/ae-15"))
    few = ("--labels", "270")
    assert f"{encoder}/seed-0: trained without pilots" in refused(*few)
    told = refused(*few, "--no-tune", "--label-seed", 1)
    assert f"{cell}/seed-0: holds a run with other settings (labels " in told
    assert "(precision fp32 there, bf16 here)" in refused(*few, "--no-tune", "--precision", "bf16")
    missing = tmp_path / "nowhere"
    assert "nowhere" in refused(*few, "--no-tune", "--system", "ae", "--ae", missing, code=2)
    monkeypatch.setitem(table5_rows.ROWS, "ae-15", EncoderRow("ae", two[1:]))
    told = refused(*few, "--no-tune")
    assert f"{encoder}/seed-0: holds a run with other settings (training.code_noise 0.05" in told


def test_pairs_that_table5_cannot_be_measured_on_are_refused_first(tmp_path):
    rows = tmp_path / "pairs.csv"
    lines = [f"a man {n} .,a boy {n} .,{'yes' if n % 3 else 'no'}" for n in range(40)]
    rows.write_text("\n".join(["premise,hypothesis", *(line.rpartition(",")[0] for line in lines)]))
    call("prepare", rows, "--out", tmp_path / "pairs", "--judges-share", "0")
    told = call(
        *("reproduce", "table5", "--corpus", tmp_path / "pairs", "--system", "ae-15"),
        *("--labels", "10", "--out", tmp_path / "t", "--results", tmp_path / "results"),
        code=3,
    )
    assert "no labelled pair in train" in told.stderr
    assert not (tmp_path / "t").exists()
