"""``arae-toolkit pretrain --seeds``: several seeds of one command, each in a process of its own.

The processes are started and watched here, side by side; what each has logged is shown as it comes
and put together in the end, as a table and a file with mean and spread.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from arae_toolkit.config.overrides import to_dict
from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.pretrain.seeds_display import SeveralDisplay
from arae_toolkit.recipes.shared.child_processes import (
    child_environment,
    command_of,
    default_jobs,
    options_given,
    signals_noted,
    threads_of,
)
from arae_toolkit.recipes.shared.progress import INTERRUPTED, console, number_table, say
from arae_toolkit.reports.results import (
    Metric,
    corpus_identity,
    summarise,
    write_result,
)
from arae_toolkit.training.metrics_log import METRICS, read_rows

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus

LOG = "pretrain.log"
POLL_SECONDS = 0.1
NOT_PASSED_ON = ("source", "part", "classes", "seed", "seeds", "jobs", "overwrite", "out")
"""Options that a seed's own command does without: it is given a prepared corpus and a folder."""
COLUMNS = {
    "nats_per_sentence": ("nats/sentence", "nats per sentence", "{:.2f}"),
    "nats_per_image": ("nats/image", "nats per image", "{:.2f}"),
    "token_accuracy": ("tokens right, %", "percent", "{:.1f}"),
    "pixel_accuracy": ("pixels right, %", "percent", "{:.2f}"),
    "exact": ("exact, %", "percent", "{:.1f}"),
    "nats_per_hidden_word": ("nats/hidden word", "nats per hidden word", "{:.3f}"),
    "transferred": ("transferred, %", "percent", "{:.1f}"),
    "content_bleu": ("BLEU", "BLEU", "{:.1f}"),
}
"""Title, unit and form of the measurements on dev that are put together."""

State = Literal["waiting", "running", "done", "failed", "stopped"]


class SeedsUnfinished(ToolkitError):
    """Not every seed was trained to its end: some have failed, or a signal has stopped them."""

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


@dataclass
class SeedRun:
    """The run of one seed: where it is kept, and how far it is.

    Attributes:
        seed: The seed.
        folder: Of the run.
        state: ``waiting``, ``running``, ``done``, ``failed``, or ``stopped`` by a signal.
        exit_code: Of its process once that is over; 128 and the number of the signal that
            killed it.
        last_words: The last line that a failed process wrote to its log.
        rows: The run's ``metrics.jsonl`` as of the last :meth:`look`.
    """

    seed: int
    folder: Path
    state: State = "waiting"
    exit_code: int = 0
    last_words: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list, repr=False)
    _process: subprocess.Popen[bytes] = field(init=False, repr=False)
    _log_start: int = field(default=0, init=False, repr=False)
    _seen: tuple[int, int, int] | None = field(default=None, init=False, repr=False)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start its process, whose stderr is added to the log in its folder.

        Args:
            arguments: Command line without the program's name, the seed and the folder.
            environment: Of the process.
        """
        words = [*arguments, f"--seed={self.seed}", f"--out={self.folder}"]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / LOG).open("ab") as log:
                self._log_start = log.tell()
                # A process group of its own: Ctrl-C in a terminal reaches this program alone, which
                # passes it on once. A second signal would end a run without a checkpoint.
                self._process = subprocess.Popen(
                    command_of(words),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    env=dict(environment),
                    process_group=0,
                )
        except OSError as error:  # of this seed's folder: the other seeds go on
            self.state, self.exit_code = "failed", ToolkitError.exit_code
            self.last_words = f"{error.filename or self.folder}: {error.strerror or error}"
        else:
            self.state = "running"

    def look(self, *, stopping: bool = False) -> None:
        """Read what the run has logged, and note if its process is over.

        Args:
            stopping: Whether it has been asked to stop.
        """
        code = self._process.poll() if self.state == "running" else None
        self._read_rows()
        if code is None:
            return
        self.wait()
        self.exit_code = code if code >= 0 else 128 - code
        if code == 0:
            self.state = "done"
        elif stopping and self.exit_code in (128 + signal.SIGTERM, INTERRUPTED):
            self.state = "stopped"
        else:
            self.state, self.last_words = "failed", self._last_words(code)

    def stop(self) -> None:
        """Ask its process to write a checkpoint and leave."""
        # SIGTERM whatever the signal was: a process that is still importing dies of it in silence.
        self._process.terminate()

    def wait(self) -> None:
        """Wait until its process is over, and close the pipe to it."""
        with self._process:
            pass

    def last_row(self, kind: str) -> dict[str, Any] | None:
        """Return the newest ``train`` or ``dev`` row, if there is one."""
        return next((row for row in reversed(self.rows) if row["kind"] == kind), None)

    def _read_rows(self) -> None:
        """Read the metrics again if they have changed; leave it where a line is half written."""
        path = self.folder / METRICS
        try:
            status = path.stat()
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen != self._seen:
                self.rows, self._seen = read_rows(path), seen
        except (OSError, UnicodeDecodeError):
            return

    def _last_words(self, code: int) -> str:
        """Return why the process failed, as far as its log tells."""
        with (self.folder / LOG).open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        said = said.removeprefix("arae-toolkit: ").removeprefix("error: ")
        if code < 0:
            return f"killed by signal {-code}" + (f" after: {said}" if said else "")
        return said or f"exit code {code}, and nothing in {self.folder / LOG}"


def train_seeds(
    corpus: Corpus,
    settings: Any,
    out: Path,
    *,
    epochs: float,
    seeds: int,
    jobs: int | None,
    device_name: str,
    overwrite: bool = False,
) -> None:
    """Train several seeds by the present command, one seed a process; report on them all.

    Raises:
        SeedsUnfinished: If one was not trained to its end.
    """
    device = _device_type(device_name)
    at_once = min(seeds, jobs or default_jobs(seeds, on_gpu=device == "cuda"))
    environment = child_environment(at_once)
    first = settings.training.seed
    runs = [SeedRun(seed, seed_folder(out, seed)) for seed in range(first, first + seeds)]
    if overwrite:
        from arae_toolkit.training.experiment import set_aside

        for run in runs:
            set_aside(run.folder, note=say)
    ctx = click.get_current_context()
    debug = ["--debug"] if ctx.find_root().params.get("debug") else []
    # By its folder: it is prepared, and nothing is left to look up or to download.
    options = options_given(ctx, without=NOT_PASSED_ON)
    arguments = [*debug, "pretrain", *options, str(corpus.folder.resolve())]
    display = SeveralDisplay(runs, epochs=epochs)
    say(
        f"seeds {first} to {runs[-1].seed} on {corpus.name}, {device}, {at_once} at once, to "
        f"{beside(out, '-seed-*')}"
    )
    with signals_noted() as stop_signal, display.live():
        train_all(
            runs,
            arguments,
            jobs=at_once,
            environment=environment,
            stop_signal=stop_signal,
            watcher=display,
        )
    report(
        runs,
        out,
        settings=settings,
        stopped_by=stop_signal(),
        command=shlex.join([*ctx.command_path.split(), ctx.params["corpus"], *options_given(ctx)]),
        corpus=corpus_identity(corpus),
        device=device,
        threads=threads_of(environment),
    )


def train_all(
    runs: Sequence[SeedRun],
    arguments: Sequence[str],
    *,
    jobs: int,
    environment: Mapping[str, str],
    stop_signal: Callable[[], int],
    watcher: SeveralDisplay,
) -> None:
    """Train the runs, so many at a time. One that fails takes no other with it.

    Args:
        runs: In the order of starting.
        arguments: Command line of the toolkit that trains one, without seed and folder.
        jobs: How many run at once.
        environment: Of their processes.
        stop_signal: Returns the number of a signal that asks to stop, 0 otherwise. The runs are
            then asked to stop as well, and waited for.
        watcher: Shown how they are getting on.
    """

    def all_that_are(state: State) -> list[SeedRun]:
        return [run for run in runs if run.state == state]

    told = False
    try:
        while True:
            active = all_that_are("running")
            if not stop_signal():
                begun = all_that_are("waiting")[: jobs - len(active)]
                for run in begun:
                    run.start(arguments, environment)
                active += begun
            elif not told:
                told = True
                for run in active:
                    run.stop()
            for run in active:
                run.look(stopping=told)
                if run.state != "running":
                    watcher.ended(run)
            watcher.show()
            if not all_that_are("running") and (told or not all_that_are("waiting")):
                return
            time.sleep(POLL_SECONDS)
    finally:
        for run in (left := all_that_are("running")):  # whatever went wrong here
            run.stop()
        for run in left:
            run.wait()


def report(
    runs: Sequence[SeedRun], out: Path, *, settings: Any, stopped_by: int, **made: Any
) -> None:
    """Show and write the results of the finished runs, and name those that failed.

    Args:
        runs: All of them.
        out: The folder beside which those of the runs stand; ``runs/snli`` puts the results into
            ``runs/snli-seeds.json``.
        settings: Of the runs, apart from the seed.
        stopped_by: Number of the signal that asked to stop, 0 for none.
        made: Further arguments of :func:`~arae_toolkit.reports.results.write_result`.

    Raises:
        SeedsUnfinished: If a signal has kept a run from its end, or one has failed.
    """
    unfinished = [run for run in runs if run.state in ("waiting", "stopped")]
    failed = [run for run in runs if run.state == "failed"]
    done = [run for run in runs if run.state == "done"]
    final = [(run, row) for run in done if (row := run.last_row("dev")) is not None]
    metrics = {
        name: summarise([row[name] for _, row in final], unit)
        for name, (_, unit, _) in COLUMNS.items()
        if final and all(row.get(name) is not None for _, row in final)
    }
    if metrics and not unfinished:
        _show(final, metrics, total=len(runs))
        path = beside(out, "-seeds.json")
        write_result(
            path.parent,
            path.stem,
            seeds=[run.seed for run, _ in final],
            seconds=sum(row["seconds"] for _, row in final),
            metrics=metrics,
            details={
                "split": "dev",
                "settings": to_dict(settings),
                "failed": [run.seed for run in failed],
                "runs": [_entry(run, row) for run, row in final],
            },
            **made,
        )
    for run in failed:
        say(f"seed {run.seed}: {run.folder}: {run.last_words}")
    if unfinished:
        raise SeedsUnfinished(
            f"stopped with {len(done)} of {len(runs)} seeds done; the same command goes on",
            128 + stopped_by,
        )
    if failed:
        raise SeedsUnfinished(
            f"{len(failed)} of {len(runs)} seeds failed, as shown above; the same command tries "
            "them again and leaves the finished ones alone",
            failed[0].exit_code,
        )


def _entry(run: SeedRun, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written about one run: its last evaluation, and of which weights."""
    from arae_toolkit.models.model_folder import weights_sha256

    return {
        "seed": run.seed,
        "folder": str(run.folder),
        "model_sha256": weights_sha256(run.folder),
        **{name: value for name, value in row.items() if isinstance(value, int | float)},
    }


def _show(
    final: Sequence[tuple[SeedRun, Mapping[str, Any]]], metrics: Mapping[str, Metric], *, total: int
) -> None:
    """Print the last evaluation of each run on stderr, and mean and spread of them all."""

    def cells(values: Mapping[str, Any]) -> list[str]:
        return [COLUMNS[name][2].format(values[name]) for name in metrics]

    title = f"dev at the end of training, {len(final)} of {total} seeds"
    table = number_table(title, (COLUMNS[name][0] for name in metrics))
    for run, row in final:
        table.add_row(str(run.seed), *cells(row))
    table.add_section()
    table.add_row("mean", *cells({name: metric["value"] for name, metric in metrics.items()}))
    spreads = (metric["spread"] for metric in metrics.values())
    table.add_row("spread", *("" if spread is None else f"{spread:.2g}" for spread in spreads))
    console().print(table)


def seed_folder(out: Path, seed: int) -> Path:
    """Return the folder of a seed: ``runs/snli-seed-3`` beside ``runs/snli``."""
    return beside(out, f"-seed-{seed}")


def beside(out: Path, ending: str) -> Path:
    """Return a path beside ``out`` whose name has an ending more."""
    whole = out if out.name not in ("", "..") else out.resolve()
    return whole.parent / f"{whole.name}{ending}"


def _device_type(name: str) -> str:
    """Return ``cpu`` or ``cuda``; torch takes seconds to load, and is asked only if it must be."""
    if name == "cpu":
        return name
    from arae_toolkit.devices import choose_device

    return choose_device(name).type
