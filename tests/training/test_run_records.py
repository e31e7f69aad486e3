import json
import os

import pytest

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.figure_files import save_plot
from arae_toolkit.training.run_records import (
    common_metrics,
    curve_table,
    differences_table,
    draw_curves,
    last_table,
    read_run,
)


def a_run(folder, nats, *, epochs=2, rate=0.1, **facts):
    """Write a folder such as a training leaves, with a dev row an epoch."""
    folder.mkdir(parents=True)
    run = {
        "training.epochs": f"{epochs}",
        "training.rate": f"{rate}",
        "model.sizes": "[3, 4]",
        "model": "ae",
        "corpus": "0123456789abcdef",
        "precision": "fp32",
        **facts,
    }
    config = {"kind": "text", "run": run, "corpus": {"name": "captions"}}
    (folder / "config.json").write_text(json.dumps(config))
    rows = [
        {"kind": "dev", "iteration": 10 * n, "epoch": n, "seconds": 1.0, "nats": value,
         "warning": None, "samples": ["a dog ."], "exact": 50}
        for n, value in enumerate(nats, start=1)
    ]  # fmt: skip
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_a_run_is_what_its_files_tell(tmp_path):
    folder = a_run(tmp_path / "mine", [4.0, 3.5])
    (folder / "samples").mkdir()
    (folder / "samples" / "x.png").write_bytes(b"x" * 1000)
    newest = 2_000_000_000
    os.utime(folder / "metrics.jsonl", (newest, newest))
    run = read_run(folder)
    assert (run.name, run.kind, run.corpus, run.epochs) == ("mine", "ae", "captions", 2.0)
    assert run.settings["training.rate"] == 0.1
    assert run.bytes == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    summary = run.summary()
    assert summary["dev"] == {"nats": 3.5, "exact": 50}
    assert run.changed.timestamp() == newest
    json.dumps(summary)


def test_transfer_models_and_folders_without_a_log(tmp_path):
    folder = a_run(tmp_path / "t", [], model="arae", task="transfer")
    (folder / "metrics.jsonl").unlink()
    run = read_run(folder)
    assert (run.kind, run.epochs, run.summary()["dev"]) == ("transfer arae", 0.0, {})


def test_an_average_is_what_its_members_are(tmp_path):
    """A name that leads out of the folder is no member."""
    folder = tmp_path / "mine"
    for seed, nats in enumerate((3.5, 3.0)):
        a_run(folder / f"seed-{seed}", [4.0, nats])
    members = ["../elsewhere", "seed-0", "seed-1"]
    (folder / "config.json").write_text(json.dumps({"kind": "pair-ensemble", "members": members}))
    run = read_run(folder)
    assert (run.name, run.kind, run.corpus, run.epochs) == ("mine", "ae, 2 averaged", "captions", 2)
    assert run.summary()["dev"]["nats"] == 3.5


@pytest.mark.parametrize("text", ["", "[1]", '{"run": 3'])
def test_what_is_no_run_is_told(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(CheckpointMismatch, match="no configuration of a model"):
        read_run(tmp_path)


def test_runs_stand_side_by_side(tmp_path):
    runs = [
        read_run(a_run(tmp_path / "a", [4.0, 3.5])),
        read_run(a_run(tmp_path / "b", [4.2, 3.1, 3.0], epochs=3)),
    ]
    assert differences_table(runs) == [["setting", "a", "b"], ["epochs", "2", "3"]]
    assert last_table(runs)[1:] == [
        ["epochs", "2", "3"],
        ["nats", "3.5", "3"],
        ["exact", "50", "50"],
    ]
    assert curve_table(runs, "nats")[1:] == [["1", "4", "4.2"], ["2", "3.5", "3.1"], ["3", "", "3"]]
    assert common_metrics(runs) == ["nats", "exact"]
    assert common_metrics([*runs, read_run(a_run(tmp_path / "new", []))]) == []


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = [read_run(a_run(tmp_path / part / "same", [1.0])) for part in "xy"]
    assert differences_table(runs)[0][1:] == [str(tmp_path / part / "same") for part in "xy"]


@pytest.mark.parametrize("ending", ["png", "html"])
def test_curves_are_drawn_the_same_each_time(tmp_path, ending):
    runs = [read_run(a_run(tmp_path / name, [4.0, 3.5])) for name in ("a", "<b>")]
    for name in ("first", "second"):
        save_plot(
            tmp_path / f"{name}.{ending}",
            draw_curves(runs, ["nats", "exact"]),
            title="a, <b>",
            about="Curves.",
            tables=[last_table(runs)],
        )
    written = (tmp_path / f"first.{ending}").read_bytes()
    assert written == (tmp_path / f"second.{ending}").read_bytes()
    if ending == "html":
        text = written.decode()
        assert "<h1>a, &lt;b&gt;</h1>" in text
        assert text.count("<svg") == 1
        assert 'href="http' not in text and "src=" not in text


@pytest.mark.parametrize("epoch", ["x", None, [1], True, "gone"])
def test_an_evaluation_without_its_epoch_is_left_out(tmp_path, epoch):
    path = a_run(tmp_path / "a", [3.0, 2.0]) / "metrics.jsonl"
    first, last = map(json.loads, path.read_text().splitlines())
    last.pop("epoch") if epoch == "gone" else last.update(epoch=epoch)
    path.write_text(f"{json.dumps(first)}\n{json.dumps(last)}\n")
    run = read_run(tmp_path / "a")
    assert run.dev == [first]
    assert curve_table([run], "nats")[1:] == [["1", "3"]]


@pytest.mark.parametrize("members", [3, "ab", {"a": 1}])
def test_members_that_are_no_list_are_none(tmp_path, members):
    path = a_run(tmp_path / "a", [3.0]) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"members": members}))
    assert read_run(tmp_path / "a").kind == "ae"
