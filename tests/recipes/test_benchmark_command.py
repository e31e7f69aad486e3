import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from small_benchmarks import call, measure_small_networks, tiny_corpus

from arae_toolkit.benchmarks import on_gpu, overview, training_rate
from arae_toolkit.benchmarks.common import setting
from arae_toolkit.benchmarks.gpu import gpu_session, parts
from arae_toolkit.benchmarks.overview_table import COLUMNS, Row, markdown, row_of
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.data_prep import options
from arae_toolkit.data_prep.options import PrepareOptions
from arae_toolkit.recipes.cli import main
from arae_toolkit.reports.results import read_results, summarise

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
PRECISIONS = training_rate.precisions_of(CPU)
NAMES = [f"training, {name} {p}" for name in overview.PRESETS for p in PRECISIONS]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return tiny_corpus(tmp_path_factory.mktemp("corpora"))


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure small networks."""
    measure_small_networks(monkeypatch)


def _benchmark(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["benchmark", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def _first_cells(table: str) -> list[str]:
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


# --- the table -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_networks")
def test_a_quick_run_prints_one_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = _benchmark("--quick", "--batch-size", 8, "--device", "cpu")
    lines = done.stdout.splitlines()
    assert lines[0] == f"| {' | '.join(COLUMNS)} |"
    assert all(line.count("|") == len(COLUMNS) + 1 for line in lines)
    assert _first_cells(done.stdout) == [*NAMES, "encoding", "sampling"]
    assert "rounds of" in done.stderr
    written = [path for path in tmp_path.rglob("*.json") if "checked" not in path.parts]
    assert not written, "nothing is written unless asked for"


def test_its_devices_are_those_of_other_commands():
    done = CliRunner().invoke(main, ["benchmark", "--quick", "--device", "cuda:97"])
    assert done.exit_code == 1
    assert "there is no device cuda:97; use --device with one of cpu" in done.stderr


@pytest.mark.usefixtures("small_networks")
def test_json_and_file_agree(corpus, tmp_path):
    out = tmp_path / "results"
    done = _benchmark(
        *("--corpus", corpus.folder, "--quick", "--batch-size", 8, "--device", "cpu"),
        *("--threads", torch.get_num_threads(), "--json", "--out", out),
    )
    shown = json.loads(done.stdout)
    assert [row["name"] for row in shown["rows"]] == [*NAMES, "encoding", "sampling"]
    result = read_results(out)["benchmark-cpu"]
    assert result["metrics"] == shown["metrics"]
    assert result["command"].startswith("arae-toolkit")
    assert result["corpus"]["sha256"] == corpus.sha256
    first = shown["rows"][0]
    name = first["name"]
    assert first["own"] == shown["metrics"][f"{name}, rate"]
    assert first["chain"] == shown["metrics"][f"{name}, share of the chain limit"]
    limits = {
        kind: shown["metrics"][f"{name}, {kind} limit"]["value"]
        for kind in ("arithmetic", "bandwidth", "chain")
    }
    assert first["binding"] == min(limits, key=lambda kind: limits[kind])
    # Sentences of a fresh model do not end, so that both versions decode as many words.
    assert shown["details"]["sampling"]["tokens_per_sentence"] == corpus.max_length
    assert shown["metrics"]["encoding, same codes"]["value"] == 100
    assert shown["rows"][-1]["chain"] is None


@pytest.mark.usefixtures("small_networks")
def test_without_a_corpus_a_synthetic_one_is_made_and_said_so(monkeypatch):
    monkeypatch.setattr(overview, "extent_of", lambda device, rounds, quick: overview.QUICK)
    monkeypatch.setattr(options, "PrepareOptions", partial(PrepareOptions, size=200))
    done = _benchmark("--batch-size", 8, "--device", "cpu")
    assert "measuring on the synthetic one" in done.stderr
    assert len(done.stdout.splitlines()) == 2 + len(NAMES) + 2


def test_a_corpus_that_is_not_there_is_one_line(tmp_path):
    done = CliRunner().invoke(main, ["benchmark", "--corpus", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "no prepared corpus here" in done.stderr
    assert not done.stdout


def test_a_batch_is_never_larger_than_the_corpus(small_networks, corpus, tmp_path):
    rows = corpus.rows("train")
    here = setting("overview", tmp_path)
    _, details, _ = overview.measure(
        here, corpus, overview.QUICK, batch_size=10 * rows, training_only=True
    )
    assert details["training"]["batch_size"] == rows


def test_the_number_of_runs_is_known():
    extent = overview.Extent(rounds=3, sampled=0)
    versions = 1 + len(overview.PRESETS) * len(PRECISIONS)
    assert extent.runs(CPU) == 3 * (versions + 2)


def test_cells():
    metrics = {
        "textbook, rate": summarise([12.34], "sentences/s"),
        "own, rate": summarise([1234.0, 1236.0], "sentences/s"),
        "own over textbook": summarise([100.0, 100.5], "ratio"),
        "own, share of the arithmetic limit": summarise([81.6], "percent"),
        "own, share of the chain limit": summarise([2.345], "percent"),
    }
    row = row_of("work", metrics, "textbook", "own", binding="chain")
    assert isinstance(row, Row)
    expected = ("work", "12.3", "1,235", "100.25 ± 0.35", "82 %", "–", "2.3 %", "chain")
    assert row.cells() == expected
    assert markdown([row]).splitlines()[2] == f"| {' | '.join(expected)} |"


# --- parts ---------------------------------------------------------------------------------------


def test_a_command_that_hangs_is_killed_with_all_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "GRACE_SECONDS", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    program = (
        "import subprocess, sys;"
        f"child = subprocess.Popen([sys.executable, '-c', {deaf!r}]);"
        "open('child', 'w').write(str(child.pid));"
        f"{deaf}"
    )
    began = time.monotonic()
    command, log = [sys.executable, "-c", program], tmp_path / "log"
    ended = parts.run_limited(command, log=log, seconds=1.5, folder=tmp_path)
    assert ended == (-signal.SIGKILL, True)
    assert time.monotonic() - began < 10
    child = int((tmp_path / "child").read_text())
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # until the killed child has been collected
            os.kill(child, 0)
            if Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
                raise ProcessLookupError
            time.sleep(0.05)


def test_large_files_are_cut_and_can_be_joined(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "folder").mkdir(parents=True)
    weights = bytes(range(256)) * 10
    (source / "weights").write_bytes(weights)
    (source / "small").write_text("as it is")
    (source / "state").write_text("left out")
    parts.carry_away(source, target, part_bytes=1000, without=["state"])
    names = sorted(path.name for path in target.iterdir())
    assert names == ["README.txt", "small", *(f"weights.part-{part:03}" for part in range(3))]
    assert max(path.stat().st_size for path in target.iterdir()) <= 1000
    joining = (target / "README.txt").read_text().splitlines()[-1]
    subprocess.run(joining, shell=True, cwd=target, check=True)
    assert (target / "weights").read_bytes() == weights


# --- the session ---------------------------------------------------------------------------------


def test_missing_packages_are_one_line(monkeypatch, capsys):
    monkeypatch.setattr(on_gpu, "PACKAGES", ("json", "no_such_package", "nor_this_one"))
    assert on_gpu.main() == 1
    message = capsys.readouterr().err
    assert "missing: no_such_package, nor_this_one;" in message
    assert message.count("\n") == 1


def test_linked_folders_are_the_package(tmp_path, monkeypatch):
    on_gpu.link_package(ROOT, tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    assert on_gpu.is_installed(environment)
    program = "import arae_toolkit.recipes.cli as module; print(module.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(tmp_path)
    monkeypatch.setattr(on_gpu, "SESSION", "arae_toolkit.nowhere")
    assert not on_gpu.is_installed(environment)


def test_the_training_follows_the_measured_rate(tmp_path):
    """In the lower precision where that was measured; as many epochs as fit into the time."""
    session = gpu_session.Session(tmp_path, "cuda", minutes=1, quick=False)
    assert gpu_session.plan_training(session, 1000, 60) == ("bf16", 10)
    path = tmp_path / "results" / "overview-cuda-64.json"
    path.parent.mkdir()
    metrics = {"training, default fp32, rate": {"value": 100.0}}
    path.write_text(json.dumps({"metrics": metrics}))
    assert gpu_session.plan_training(session, 1000, 100) == ("fp32", 8)
    metrics["training, default bf16, rate"] = {"value": 1.0}
    path.write_text(json.dumps({"metrics": metrics}))
    assert gpu_session.plan_training(session, 1000, 100) == ("bf16", 1)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace all commands but the making of corpus and model by ones that fail; name them."""
    names: list[str] = []

    def run(command: list[str], *, log: Path, **_: Any) -> tuple[int, bool]:
        names.append(log.stem)
        if log.stem == "training":
            folder = Path(command[command.index("--out") + 1])
            folder.mkdir()
            (folder / "model.safetensors").write_bytes(bytes(2_500_000))
            (folder / gpu_session.TRAINING_STATE).write_bytes(b"large")
            return 143, True
        return int(log.stem != "corpus"), False

    monkeypatch.setattr(gpu_session, "run_limited", run)
    monkeypatch.setattr(Corpus, "__init__", lambda self, folder: None)
    monkeypatch.setattr(Corpus, "rows", lambda self, split: 100)
    return names


def test_a_session_goes_on_after_a_failure(tmp_path, ran):
    words = ("--device", "cpu", "--minutes", 1, "--parts-of-mb", 1, "--out", tmp_path)
    done = call("gpu.gpu_session", *words, code=1)
    assert "not finished: tests, table-64" in done.stderr
    assert ran == [
        *("tests", "corpus", "table-64", "table-1024", "projection-64", "projection-1024"),
        *("time_to_quality", "kernels", "seeds", "training"),
    ]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [part["name"] for part in summary["parts"]] == ran
    outcomes = {part["name"]: part["outcome"] for part in summary["parts"]}
    assert (outcomes["corpus"], outcomes["tests"]) == ("done", "failed")
    assert outcomes["training"] == "stopped"
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.txt",
        *(f"model.safetensors.part-{part:03}" for part in range(3)),
    ]


def test_parts_can_be_left_out(tmp_path, ran):
    """What is left then runs as ever; what is not in a quick session is noted."""
    left_out = [f"--skip={part}" for part in ("tests", "table", "projection", "time", "kernels")]
    call("gpu.gpu_session", "--device", "cpu", "--quick", *left_out, "--out", tmp_path)
    assert ran == ["corpus", "training"]
    parts = json.loads((tmp_path / "summary.json").read_text())["parts"]
    assert [part["outcome"] for part in parts] == ["done", "skipped", "stopped"]


def test_some_time_is_kept_for_the_training(tmp_path):
    """A part that comes late gets less than its share, and none at all at the end."""
    session = gpu_session.Session(tmp_path, "cuda", minutes=10, quick=False)
    assert session.share("seeds") == pytest.approx(0.2 * 600)
    session.started -= 400
    assert session.share("seeds") == pytest.approx(200 - 0.2 * 600, abs=1)
    session.started -= 100
    assert not session.run("seeds", "-c", "pass", seconds=session.share("seeds"))
    assert session.parts[0]["outcome"] == "skipped"


SLEEP = "import time; time.sleep(60)"
ENDS_ITSELF = (
    f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)); {SLEEP}"
)


@pytest.mark.parametrize(
    ("program", "may_be_stopped", "outcome", "code"),
    [
        ("import sys; sys.stderr.write('seen')", False, "done", 0),
        ("raise SystemExit(5)", False, "done", 5),  # pytest selected no test
        ("raise ValueError('seen')", True, "failed", 1),
        (ENDS_ITSELF, True, "stopped", 143),
        (ENDS_ITSELF, False, "timed out", 143),
        (SLEEP, True, "timed out", -signal.SIGTERM),
    ],
)
def test_what_became_of_a_part(program, may_be_stopped, outcome, code, tmp_path):
    session = gpu_session.Session(tmp_path, "cpu", minutes=1, quick=True)
    seconds = 1 if "sleep" in program else 20
    session.run("part", "-c", program, seconds=seconds, may_be_stopped=may_be_stopped)
    (part,) = json.loads((tmp_path / "summary.json").read_text())["parts"]
    assert (part["outcome"], part["exit_code"]) == (outcome, code)
    assert part["command"][1:] == ["-c", program]
    assert ("seen" in (tmp_path / part["log"]).read_text()) == ("seen" in program)


@pytest.mark.slow
def test_a_whole_session_on_the_cpu(tmp_path):
    out = tmp_path / "out"
    flags = ["--device", "cpu", "--minutes", "1.5", "--quick", "--parts-of-mb", "2"]
    command = [sys.executable, "benchmarks/on_gpu.py", *flags, "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    summary = json.loads((out / "summary.json").read_text())
    outcomes = {part["name"]: part["outcome"] for part in summary["parts"]}
    assert done.returncode == 0, (done.stderr, outcomes)
    left_out = {name for name, outcome in outcomes.items() if outcome == "skipped"}
    assert left_out == {"time_to_quality", "seeds"}
    assert set(outcomes.values()) <= {"done", "stopped", "skipped"}
    assert done.stdout.strip() == str(out / "summary.json")
    assert {path.name for path in (out / "results").iterdir()} == {
        "overview-cpu-8.json",
        "projection_rate-cpu-8.json",
    }
    assert len(list((out / "kernels").iterdir())) == 3
    assert (out / "model" / "model.safetensors.part-000").stat().st_size == 2_000_000
    assert all(len(path.relative_to(out).parts) <= 3 for path in out.rglob("*"))
