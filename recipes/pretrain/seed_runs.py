"""Several seeds at once: a process, a folder and a log each, watched and stopped together."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from arae_toolkit.errors import ToolkitError
from arae_toolkit.recipes.shared.child_processes import command_of
from arae_toolkit.recipes.shared.progress import INTERRUPTED
from arae_toolkit.training.metrics_log import METRICS, read_rows

LOG = "pretrain.log"
POLL_SECONDS = 0.1
STOPPED = 128 + signal.SIGTERM

State = Literal["waiting", "running", "done", "failed", "stopped"]


class SeedsFailed(ToolkitError):
    """Some seeds were not trained to their end; the others were. The first one's exit code."""

    def __init__(self, failed: Sequence[SeedRun], total: int) -> None:
        self.exit_code = failed[0].exit_code
        super().__init__(
            f"{len(failed)} of {total} seeds failed, as shown above; the same command tries them "
            "again and leaves the finished ones alone"
        )


class SeedsStopped(ToolkitError):
    """Training was asked to stop; each seed that was running has written its checkpoint."""

    def __init__(self, signal_number: int, done: int, total: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(f"stopped with {done} of {total} seeds done; the same command goes on")


class Watcher(Protocol):
    """Is shown how the runs are getting on."""

    def show(self) -> None:
        """Look at the runs again."""

    def ended(self, run: SeedRun) -> None:
        """Be told of a run that is over."""


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
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
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

    def look(self, *, stopping: bool) -> None:
        """Read what the run has logged, and note if its process is over.

        Args:
            stopping: Whether it has been asked to stop.
        """
        code = None if self._process is None else self._process.poll()
        self._read_rows()
        if self.state != "running" or code is None:
            return
        self._close()
        self.exit_code = code if code >= 0 else 128 - code
        if code == 0:
            self.state = "done"
        elif stopping and self.exit_code in (STOPPED, INTERRUPTED):
            self.state = "stopped"
        else:
            self.state = "failed"
            self.last_words = self._last_words(code)

    def stop(self) -> None:
        """Ask its process to write a checkpoint and leave."""
        # SIGTERM whatever the signal was: a process that is still importing dies of it in silence.
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until its process is over."""
        if self._process is not None:
            self._process.wait()
            self._close()

    def last_row(self, kind: str) -> dict[str, Any] | None:
        """Return the newest ``train`` or ``dev`` row, if there is one."""
        return next((row for row in reversed(self.rows) if row["kind"] == kind), None)

    def _close(self) -> None:
        """Close the pipe to a process that is over."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

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


def train_all(
    runs: Sequence[SeedRun],
    arguments: Sequence[str],
    *,
    jobs: int,
    environment: Mapping[str, str],
    stop_signal: Callable[[], int],
    watcher: Watcher,
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
    told = False
    try:
        while True:
            stopping = stop_signal() != 0
            if stopping and not told:
                told = True
                for run in _in_state(runs, "running"):
                    run.stop()
            if not stopping:
                for run in _in_state(runs, "waiting")[: jobs - len(_in_state(runs, "running"))]:
                    run.start(arguments, environment)
                    if run.state == "failed":
                        watcher.ended(run)
            for run in _in_state(runs, "running"):
                run.look(stopping=stopping)
                if run.state != "running":
                    watcher.ended(run)
            watcher.show()
            if not _in_state(runs, "running") and (stopping or not _in_state(runs, "waiting")):
                return
            time.sleep(POLL_SECONDS)
    finally:
        for run in runs:  # none is left behind, whatever went wrong here
            run.stop()
        for run in runs:
            run.wait()


def _in_state(runs: Sequence[SeedRun], state: State) -> list[SeedRun]:
    return [run for run in runs if run.state == state]


def seed_folder(out: Path, seed: int) -> Path:
    """Return the folder of a seed: ``runs/snli-seed-3`` beside ``runs/snli``."""
    return beside(out, f"-seed-{seed}")


def beside(out: Path, ending: str) -> Path:
    """Return a path beside ``out`` whose name has an ending more."""
    whole = out if out.name not in ("", "..") else out.resolve()
    return whole.parent / f"{whole.name}{ending}"
