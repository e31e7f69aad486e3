"""All that a GPU can show within minutes: tests, tables, kernels, and a model trained on it.

Started by ``python benchmarks/on_gpu.py`` (or ``make gpu``). Each part is a process with a time of
its own; ``summary.json`` says what ran, for how long, and how it ended, and is written anew after
every part. The training takes what time the others leave.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from arae_toolkit.benchmarks.common import Benchmark, note, number
from arae_toolkit.benchmarks.gpu.parts import carry_away, run_limited, workplace
from arae_toolkit.benchmarks.programs import PROGRAM
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.devices import choose_device
from arae_toolkit.storage.atomic_files import write_json
from arae_toolkit.version import __version__

SHARES = {
    "tests": 0.12,
    "table": 0.26,
    "projection": 0.06,
    "time": 0.17,
    "kernels": 0.1,
    "seeds": 0.2,
}
"""Largest share of the whole time; each of the tables has its own."""
QUICK_SHARE = 0.5
"""The same of any part of a quick session, where starting Python takes most of the time."""
KEPT_FOR_TRAINING, SAVING_SECONDS = 0.2, 20.0
"""Share of the whole time that no other part may take, and what of it is kept for writing."""
PLANNED_SHARE = 0.8
"""Share of the training's time that is planned for iterations; evaluations take the rest."""
BATCH_SIZES, QUICK_BATCH_SIZES, QUICK_SIZE, DEFAULT_EPOCHS = (64, 1024), (8,), 400, 10
TEXTBOOK_SHARE = 0.08
"""Share of the whole time in which the textbook version is trained to some quality."""
TRAINING_STATE = "training_state.safetensors"
TESTS = "-m pytest -m gpu -q -rs -p no:cacheprovider --continue-on-collection-errors"
SKIPPED_BY_PYTEST = 5  # its exit code where no test was selected


@dataclass
class Session:
    """Where a session runs and what became of its parts.

    Attributes:
        out: Folder of all files.
        device: ``cuda`` or ``cpu``.
        minutes: The whole time.
        quick: Whether every part is as small as can be.
        parts: What the summary says of each so far.
        started: Clock at the start.
    """

    out: Path
    device: str
    minutes: float
    quick: bool
    parts: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """Of the tables; the first one's is measured in full."""
        return QUICK_BATCH_SIZES if self.quick else BATCH_SIZES

    @property
    def seconds_left(self) -> float:
        """Until the end of the whole time."""
        return 60 * self.minutes - (time.monotonic() - self.started)

    def share(self, part: str) -> float:
        """Return the seconds that a part may take, so that some are left for the training."""
        whole = 60 * self.minutes
        if self.quick:
            return whole * QUICK_SHARE
        return min(whole * SHARES[part], self.seconds_left - whole * KEPT_FOR_TRAINING)

    def run(self, name: str, *words: object, seconds: float, may_be_stopped: bool = False) -> bool:
        """Run a part with Python, note what became of it, and return whether it did its work.

        Args:
            name: Of the part and, with ``.log`` behind it, of the file with all that it prints.
            *words: Of the command.
            seconds: Its time, if so much is left.
            may_be_stopped: Whether the end of its time is the planned end.
        """
        seconds = min(seconds, self.seconds_left)
        if seconds <= 0:
            self.note(name, "skipped", reason="no time was left")
            return False
        note(f"{name}: at most {seconds:.0f} s")
        place, began = workplace(), time.monotonic()
        # Paths as they look from where the part runs, so that results name them shortly.
        command = [sys.executable, *(str(word).removeprefix(f"{place}/") for word in words)]
        code, at_limit = run_limited(
            command, log=self.out / f"{name}.log", seconds=seconds, folder=place
        )
        if at_limit:
            planned = may_be_stopped and code in (0, 128 + signal.SIGTERM)
            outcome = "stopped" if planned else "timed out"
        else:
            outcome = "done" if code in (0, SKIPPED_BY_PYTEST) else "failed"
        self.note(
            name,
            outcome,
            seconds=round(time.monotonic() - began, 1),
            exit_code=code,
            command=command,
            log=f"{name}.log",
        )
        return outcome in ("done", "stopped")

    def note(self, name: str, outcome: str, **more: Any) -> None:
        """Remember what became of a part and write the summary anew."""
        part = {"name": name, "outcome": outcome, "seconds": 0.0, "exit_code": None, "command": []}
        self.parts.append({**part, "log": None, "reason": None, **more})
        note(f"{name}: {outcome}, {self.parts[-1]['seconds']:.0f} s")
        write_json(
            self.out / "summary.json",
            {
                "toolkit": __version__,
                "python": sys.version.split()[0],
                "device": self.device,
                "minutes": self.minutes,
                "seconds": round(time.monotonic() - self.started, 1),
                "parts": self.parts,
            },
        )


@click.command(
    cls=Benchmark,
    examples=[
        "python benchmarks/on_gpu.py --corpus corpora/snli --out gpu",
        "python benchmarks/on_gpu.py --device cpu --minutes 1 --quick --out dry-run",
    ],
)
@click.option(
    "--corpus",
    "corpus_path",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A prepared text corpus.  [default: a synthetic one]",
)
@number("--minutes", 10.0, "For all parts together.")
@click.option(
    "--skip",
    "left_out",
    multiple=True,
    type=click.Choice(list(SHARES)),
    help="Leave a part out, for the training's sake.",
)
@click.option("--quick", is_flag=True, help="Every part as small as can be, to see that all work.")
@number(
    "--parts-of-mb", 15, "Cut files of the model that are larger than so many megabytes into parts."
)
@click.option(
    "--device",
    "device_name",
    type=click.Choice(["cpu", "cuda"]),
    default="cuda",
    show_default=True,
    help="Where to compute; cpu shows that all parts work.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("gpu"),
    show_default=True,
    help="Folder of all files.",
)
def main(
    corpus_path: Path | None,
    minutes: float,
    left_out: tuple[str, ...],
    quick: bool,
    parts_of_mb: int,
    device_name: str,
    out: Path,
) -> None:
    """Run tests, tables and profiles, then train; print the path of the summary."""
    choose_device(device_name)  # fails in one line where there is no such device
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    session = Session(out, device_name, minutes, quick)
    with tempfile.TemporaryDirectory() as scratch:
        if "tests" not in left_out:
            tests(session)
        corpus = prepared(session, corpus_path, Path(scratch))
        if corpus is not None:
            for part, name, words in measurements(session, corpus):
                if part in left_out:
                    continue
                if quick and part in ("time", "seeds"):  # they would learn nothing, or take long
                    session.note(name, "skipped", reason="not in a quick session")
                else:
                    program = f"arae_toolkit.benchmarks.{words[0]}"
                    session.run(name, "-m", program, *words[1:], seconds=session.share(part))
            training(session, corpus, Path(scratch), part_bytes=parts_of_mb * 10**6)
    click.echo(out / "summary.json")
    lost = [p["name"] for p in session.parts if p["outcome"] in ("failed", "timed out")]
    if lost:
        raise click.ClickException(f"not finished: {', '.join(lost)}; see their logs in {out}")


def tests(session: Session) -> None:
    """Run the tests that need a GPU, where the repository and pytest are there."""
    needs = [name for name in ("pytest", "hypothesis") if importlib.util.find_spec(name) is None]
    files = sorted((workplace() / "tests").glob("test_*.py"))
    # The others need not be read to be left out.
    files = [path for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]
    if not files or needs:
        reason = f"missing: {', '.join(needs)}" if needs else "there are no tests here"
        session.note("tests", "skipped", reason=reason)
    else:
        session.run("tests", *TESTS.split(), *files, seconds=session.share("tests"))


def prepared(session: Session, path: Path | None, scratch: Path) -> Path | None:
    """Return the corpus, made on the spot if none is given; ``None`` if that fails."""
    if path is not None:
        return path.resolve()
    folder = scratch / "corpus"
    command = ["-c", PROGRAM, "prepare", "synthetic", "--out", folder]
    command += ["--size", QUICK_SIZE] * session.quick
    return folder if session.run("corpus", *command, seconds=session.seconds_left) else None


def measurements(session: Session, corpus: Path) -> Iterator[tuple[str, str, list[object]]]:
    """Yield what is measured: the part that it belongs to, its name, the program and its words."""
    sizes, quick, results = session.batch_sizes, session.quick, session.out / "results"
    where: list[object] = ["--corpus", corpus, "--device", session.device, "--out"]
    for size in sizes:
        words = ["overview", *where, results, "--batch-size", size, "--rounds", 3]
        words += ["--quick"] * quick
        words += ["--training-only"] * (quick or size != sizes[0])  # the rest is alike in all
        yield "table", f"table-{size}", words
    for size in sizes:
        words = ["projection_rate", *where, results, "--batch-size", size, "--rounds", 3]
        yield "projection", f"projection-{size}", words
    words = ["time_to_quality", *where, results, "--every", 0.5]
    words += ["--minutes", f"{TEXTBOOK_SHARE * session.minutes:.2f}"]
    words += ["--precision", "bf16" if session.device == "cuda" else "fp32"]
    yield "time", "time_to_quality", words
    words = ["kernels", *where, session.out / "kernels", "--batch-size", sizes[0]]
    yield "kernels", "kernels", words
    words = ["seeds", *where, results, "--preset", "default", "--seeds", 4, "--jobs", 4]
    yield "seeds", "seeds", [*words, "--rounds", 1, "--iterations", 1000]


def training(session: Session, corpus: Path, scratch: Path, *, part_bytes: int) -> None:
    """Train the default preset for the rest of the time, and carry the model away."""
    seconds = session.seconds_left - SAVING_SECONDS * (not session.quick)
    run = scratch / "model"
    precision, epochs = plan_training(session, Corpus(corpus).rows("train"), seconds)
    session.run(
        "training",
        *("-c", PROGRAM, "pretrain", corpus, "--device", session.device, "--out", run),
        *("--precision", precision, "--set", f"epochs={epochs}"),
        seconds=seconds,
        may_be_stopped=True,
    )
    if run.is_dir():
        carry_away(run, session.out / "model", part_bytes=part_bytes, without=[TRAINING_STATE])


def plan_training(session: Session, rows: int, seconds: float) -> tuple[str, int]:
    """Return the precision, and how many epochs fit into the time by what the first table says.

    So many, for the learning rate is to fall to its end. Without that table it is a guess.

    Args:
        session: Which may have measured.
        rows: Training sentences.
        seconds: The time.
    """
    path = session.out / "results" / f"overview-{session.device}-{session.batch_sizes[0]}.json"
    if not path.exists():
        return ("bf16" if session.device == "cuda" else "fp32"), DEFAULT_EPOCHS
    metrics: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    precision = "bf16" if "training, default bf16, rate" in metrics else "fp32"
    rate = float(metrics[f"training, default {precision}, rate"]["value"])
    return precision, max(1, int(PLANNED_SHARE * seconds * rate / rows))


if __name__ == "__main__":
    main()
