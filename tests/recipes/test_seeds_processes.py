import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
import small
from click.testing import CliRunner

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.pretrain import seeds as pretrain_seeds
from arae_toolkit.recipes.pretrain.seeds import SeedRun, beside, report, seed_folder, train_all
from arae_toolkit.recipes.pretrain.seeds_display import SeveralDisplay
from arae_toolkit.recipes.shared import child_processes
from arae_toolkit.recipes.shared.child_processes import (
    child_environment,
    default_jobs,
    options_given,
    threads_of,
)

# What stands in for a training run: it notes when it began and ended, logs one evaluation, and
# ends as its seed says.
STAND_IN = """
import json, os, pathlib, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
seed, folder = int(words["--seed"]), pathlib.Path(words["--out"])
times = [time.monotonic()]
print("training seed", seed, file=sys.stderr)
{body}
row = {{"kind": "dev", "iteration": 4, "epoch": 1.0, "nats_per_sentence": 10.0 + seed}}
(folder / "metrics.jsonl").write_text(json.dumps(row) + "\\n")
(folder / "times.json").write_text(json.dumps([*times, time.monotonic()]))
"""


class Recorder:
    """Keeps what a watcher is told."""

    def __init__(self) -> None:
        self.over: list[int] = []

    def show(self) -> None:
        """Nothing to look at."""

    def ended(self, run: SeedRun) -> None:
        self.over.append(run.seed)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what replaces the training runs by short programs with a body of their own."""
    monkeypatch.setattr(pretrain_seeds, "POLL_SECONDS", 0.01)

    def use(body: str) -> None:
        program = STAND_IN.format(body=body)
        monkeypatch.setattr(
            pretrain_seeds, "command_of", lambda words: [sys.executable, "-c", program, *words]
        )

    return use


def _train(
    folder: Path, seeds: int, *, jobs: int = 8, stop: Callable[[], int] = lambda: 0
) -> tuple[list[SeedRun], Recorder]:
    runs = [SeedRun(seed, folder / str(seed)) for seed in range(seeds)]
    recorder = Recorder()
    train_all(
        runs, ["x"], jobs=jobs, environment=dict(os.environ), stop_signal=stop, watcher=recorder
    )
    return runs, recorder


# --- processes -------------------------------------------------------------------------------


def test_no_more_than_so_many_run_at_once(stand_in, tmp_path):
    """All are trained, two at a time: of any moment, at most two intervals hold it."""
    stand_in("time.sleep(0.05)")
    runs, recorder = _train(tmp_path, 5, jobs=2)
    assert [run.state for run in runs] == ["done"] * 5
    assert sorted(recorder.over) == [0, 1, 2, 3, 4]
    times = [json.loads((run.folder / "times.json").read_text()) for run in runs]
    for start, _ in times:
        assert sum(begin <= start < end for begin, end in times) <= 2


def test_one_that_fails_takes_no_other_with_it(stand_in, tmp_path):
    """Whatever the way it fails, its last words are kept, and the others end well."""
    (tmp_path / "3").write_text("a file where a folder should be")
    stand_in(
        "if seed == 0: sys.exit('arae-toolkit: error: out of luck\\n')\n"
        "if seed == 1: os.kill(os.getpid(), signal.SIGKILL)\n"
        "if seed == 2: os._exit(5)\n"
        "if seed == 4: raise RuntimeError('boom')\n"
    )
    runs, recorder = _train(tmp_path, 6, jobs=3)
    assert [run.state for run in runs] == [*["failed"] * 5, "done"]
    assert [run.exit_code for run in runs] == [1, 137, 5, 1, 1, 0]
    assert runs[0].last_words == "out of luck"
    assert runs[1].last_words == "killed by signal 9 after: training seed 1"
    assert runs[2].last_words == "training seed 2"
    assert "File exists" in runs[3].last_words
    assert runs[4].last_words == "RuntimeError: boom"
    assert sorted(recorder.over) == list(range(6))


def test_last_words_are_those_of_this_attempt(stand_in, tmp_path):
    """The log of an earlier attempt is kept, and is not taken for that of this one."""
    (tmp_path / "0").mkdir()
    log = tmp_path / "0" / pretrain_seeds.LOG
    log.write_text("error: of yesterday\n")
    stand_in("sys.stderr = open(os.devnull, 'w'); sys.exit(3)")
    (run,), _ = _train(tmp_path, 1)
    assert log.read_text() == "error: of yesterday\ntraining seed 0\n"
    assert run.last_words == "training seed 0"


def test_a_signal_is_passed_on_and_nothing_else_is_started(stand_in, tmp_path):
    """Those that run leave in their own way; those that wait are not begun."""
    stand_in(
        "def leave(*_): (folder / 'checkpoint').touch(); sys.exit(143)\n"
        "signal.signal(signal.SIGTERM, leave); (folder / 'ready').touch(); time.sleep(60)"
    )

    def stop() -> int:
        return 2 * all((tmp_path / str(seed) / "ready").exists() for seed in (0, 1))

    runs, _ = _train(tmp_path, 3, jobs=2, stop=stop)
    assert [run.state for run in runs] == ["stopped", "stopped", "waiting"]
    assert (tmp_path / "0" / "checkpoint").exists()
    assert (tmp_path / "1" / "checkpoint").exists()
    assert not (tmp_path / "2").exists()


def test_a_failure_here_leaves_no_process_behind(stand_in, tmp_path):
    """An error in the program that watches ends the runs before it is raised."""
    stand_in("(folder / 'pid').write_text(str(os.getpid())); time.sleep(60)")

    class Broken(Recorder):
        def show(self) -> None:
            if (tmp_path / "0" / "pid").exists() and (tmp_path / "0" / "pid").read_text():
                raise OSError("no space")

    run = SeedRun(0, tmp_path / "0")
    with pytest.raises(OSError, match="no space"):
        train_all(
            [run], ["x"], jobs=1, environment=dict(os.environ), stop_signal=lambda: 0,
            watcher=Broken(),
        )  # fmt: skip
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "0" / "pid").read_text()), 0)


def test_a_process_stops_when_the_one_above_it_is_gone():
    """The end of its standard input is the sign, however the one above died."""
    waiting = (
        "import signal, sys, time\n"
        "from arae_toolkit.recipes import cli\n"
        "from arae_toolkit.recipes.shared.child_processes import run_as_child\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "cli.main = lambda prog_name: (print('ready', flush=True), time.sleep(60))\n"
        "run_as_child()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", waiting], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"ready\n"
    assert child.poll() is None
    child.stdin.close()
    assert child.wait(timeout=20) == 7
    child.stdout.close()


def test_a_child_finds_the_same_modules_and_no_others(tmp_path, monkeypatch):
    """A file in the working folder is not taken for a module of the same name."""
    (tmp_path / "random.py").write_text("raise SystemExit('imported the wrong random')")
    monkeypatch.chdir(tmp_path)
    child = subprocess.Popen(
        child_processes.command_of(["--version"]),
        env=child_environment(1),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.wait(timeout=20) == 0  # with its standard input still open
    out, errors = child.communicate()
    assert out.startswith("arae-toolkit, version")
    assert errors == ""


# --- how many, where, and with which options ---------------------------------------------------


def test_cores_are_shared(monkeypatch):
    """One seed a core with one thread, unless threads are set; a GPU is shared by eight."""
    monkeypatch.setattr(child_processes, "cores", lambda: 12)
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert default_jobs(4, on_gpu=False) == 4
    assert default_jobs(40, on_gpu=False) == 12
    assert default_jobs(40, on_gpu=True) == 8
    assert threads_of(child_environment(5)) == 2
    assert threads_of(child_environment(40)) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert default_jobs(40, on_gpu=False) == 3
    assert threads_of(child_environment(12)) == 4
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert threads_of(os.environ) is None
    assert default_jobs(40, on_gpu=False) == 12


def test_folders_stand_beside_that_of_one_run(tmp_path, monkeypatch):
    """Also where the folder is the working folder, or is written with a slash."""
    assert seed_folder(Path("runs/snli"), 3) == Path("runs/snli-seed-3")
    assert seed_folder(Path("runs/v1.2/"), 0) == Path("runs/v1.2-seed-0")
    monkeypatch.chdir(tmp_path)
    assert beside(Path(), "-seeds.json") == tmp_path.with_name(f"{tmp_path.name}-seeds.json")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--set", "a=1", "--set=b=--c", "--no-graphs", "--file", "-x y"],
        ["--graphs", "-n", "3"],
    ],
)
def test_options_given_can_be_given_again(words):
    """The command sees the same values the second time; what was left to default stays so."""
    seen: list[tuple[dict[str, object], list[str]]] = []

    @click.command
    @click.argument("corpus")
    @click.option("--set", "assignments", multiple=True)
    @click.option("--graphs/--no-graphs", default=True)
    @click.option("-n", "--count", type=int, default=2)
    @click.option("--file", type=click.Path(path_type=Path))
    @click.option("--debug", is_flag=True, expose_value=False)
    @click.option("--seed", type=int)
    @click.pass_context
    def command(ctx: click.Context, **values: object) -> None:
        seen.append((values, options_given(ctx, without=["seed"])))

    for arguments in (["c", "--debug", "--seed", "5", *words], None):
        result = CliRunner().invoke(command, arguments or ["c", *seen[0][1]])
        assert result.exit_code == 0, result.output
    assert seen[0][0] == {**seen[1][0], "seed": 5}
    assert seen[0][1] == seen[1][1]
    assert len(seen[0][1]) == len([word for word in words if word.startswith("-")]) - (
        "-x y" in words
    )


# --- what it comes to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "codes", "signal_number", "error", "code"),
    [
        (["done", "waiting"], [0, 0], 2, "stopped with 1 of 2 seeds done", 130),
        (["stopped", "failed"], [143, 4], 15, "stopped with 0 of 2 seeds done", 143),
        (["failed", "failed"], [5, 1], 0, "2 of 2 seeds failed", 5),
        (["done", "failed"], [0, 137], 15, "1 of 2 seeds failed", 137),
    ],
)
def test_the_exit_code_is_that_of_the_signal_or_the_first_failure(
    states, codes, signal_number, error, code, tmp_path
):
    """A signal that came when there was nothing left to stop does not count."""
    runs = [
        SeedRun(seed, tmp_path / str(seed), state=state, exit_code=code)
        for seed, (state, code) in enumerate(zip(states, codes, strict=True))
    ]
    with pytest.raises(ToolkitError, match=error) as caught:
        report(
            runs, tmp_path / "x", corpus=None, settings=small.SMALL, device="cpu", threads=1,  # type: ignore[arg-type]
            command=["x"], stopped_by=signal_number,
        )  # fmt: skip
    assert caught.value.exit_code == code
    assert not (tmp_path / "x-seeds.json").exists()  # no run has an evaluation


# --- what is shown -----------------------------------------------------------------------------


def _row(iteration: int, **more: object) -> str:
    row = {"kind": "dev", "iteration": iteration, "epoch": iteration / 4, "nats_per_sentence": 9.5}
    return json.dumps({**row, **more}) + "\n"


def test_each_evaluation_is_shown_once(tmp_path, capsys):
    """Not those of an earlier attempt, nor those that a resumed run writes again."""
    log = tmp_path / "metrics.jsonl"
    log.write_text(_row(4))
    run = SeedRun(7, tmp_path)
    display = SeveralDisplay([run], epochs=3)
    log.write_text(_row(4) + _row(8, warning="mode collapse") + '{"kind": "dev", "iter')
    for _ in range(2):
        run.look()
        display.show()
    log.write_text("")
    run.look()
    display.show()
    log.write_text(_row(4) + _row(8) + _row(12))
    run.look()
    display.show()
    assert capsys.readouterr().err.splitlines() == [
        "seed 7: epoch 2.00 of 3: 9.50 nats/sentence",
        "seed 7: mode collapse",
        "seed 7: epoch 3.00 of 3: 9.50 nats/sentence",
    ]


def test_folders_come_in_the_order_of_the_seeds(tmp_path, capsys):
    """One that is ready waits for those before it; one that has failed is left out."""
    runs = [SeedRun(seed, tmp_path / str(seed)) for seed in range(4)]
    display = SeveralDisplay(runs, epochs=1)
    printed = []
    for seed, state in ((2, "done"), (0, "done"), (1, "failed"), (3, "done")):
        runs[seed].state = state  # type: ignore[assignment]
        display.ended(runs[seed])
        out = capsys.readouterr().out
        printed.append([Path(line).name for line in out.splitlines()])
    assert printed == [[], ["0"], ["2"], ["3"]]


PROGRAM_ON_A_TERMINAL = """
import os, sys, time
from pathlib import Path
from arae_toolkit.recipes.pretrain import seeds
from arae_toolkit.recipes.pretrain.seeds_display import SeveralDisplay

seeds.POLL_SECONDS = 0.01
seeds.command_of = lambda words: [sys.executable, "-S", "-c", sys.argv[2], *words]
runs = [seeds.SeedRun(seed, Path(sys.argv[1], f"r{seed}")) for seed in range(3)]
display = SeveralDisplay(runs, epochs=1)
with display.live():
    seeds.train_all(
        runs, ["x"], jobs=2, environment=os.environ, stop_signal=lambda: 0, watcher=display
    )
    display.show()
sys.stderr.write("over\\n")
"""


def _screen(text: str) -> list[str]:
    """Return the lines that a terminal shows in the end."""
    lines, row = [""], 0
    for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
        if token == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif token.endswith("A") and token.startswith("\x1b"):
            row -= int(token[2:-1] or 1)
            assert row >= 0, "above the first line"
        elif token == "\x1b[2K":
            lines[row] = ""
        elif not token.startswith(("\x1b", "\r")):
            lines[row] += token
    return [line for line in lines if line]


def test_on_a_terminal_the_table_moves_and_the_folders_stay(tmp_path):
    """Each seed ends when what comes before is on the screen, however slow the processes are."""
    body = (
        "if seed == 2: sys.exit('no')\n"
        "go = folder.with_name(f'go-{seed}')\n"
        "while not go.exists() and time.monotonic() < times[0] + 120: time.sleep(0.01)"
    )
    mine, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM_ON_A_TERMINAL, tmp_path, STAND_IN.format(body=body)],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"},
    )
    os.close(theirs)
    received = bytearray()

    def read_until(*patterns: str) -> None:
        """Read what the program writes until all of these have been in it."""
        while not all(re.search(pattern, received.decode(errors="ignore")) for pattern in patterns):
            received.extend(os.read(mine, 65536))

    read_until(r"1 +running +0\.00/1")
    (tmp_path / "go-0").touch()
    read_until(r"0 +done +1\.00/1 +4 +10\.00", "seed 2: failed")
    (tmp_path / "go-1").touch()
    with contextlib.suppress(OSError):  # Linux says so when the other end is closed
        read_until("nothing")
    assert program.wait(timeout=60) == 0
    os.close(mine)
    shown = [line.rsplit("/", 1)[-1] for line in _screen(received.decode())]
    assert shown == ["r0", "seed 2: failed; the others go on", "r1", "over"]


def test_a_reader_that_goes_away_does_not_stop_the_training(tmp_path):
    """As with ``| head -1``: the other seeds are trained to their end."""
    program = PROGRAM_ON_A_TERMINAL + "sys.exit(9)"
    stand_in = STAND_IN.format(body="time.sleep(0.2 * seed)")
    started = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), stand_in],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stderr is not None
    assert started.stdout.readline() == f"{tmp_path / 'r0'}\n"
    started.stdout.close()
    errors = started.stderr.read()
    started.stderr.close()
    assert started.wait(timeout=30) == 9
    assert errors.splitlines()[-1] == "over"
    assert (tmp_path / "r2" / "times.json").exists()
