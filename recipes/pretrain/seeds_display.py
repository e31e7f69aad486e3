"""Shows several training runs on stderr: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.progress import console
from arae_toolkit.recipes.shared.training_display import DEV_COLUMNS

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from arae_toolkit.recipes.pretrain.seed_runs import SeedRun

REFRESH_SECONDS = 0.25
NATS = ("nats_per_sentence", "nats_per_image")


class SeveralDisplay:
    """Shows how runs are getting on, and hands out the folders of the finished ones.

    Those go to stdout, in the order of the runs: each as soon as it and all before it are over.

    Args:
        runs: What is trained.
        epochs: Of each run.
    """

    def __init__(self, runs: Sequence[SeedRun], *, epochs: float) -> None:
        self.runs, self.epochs = runs, epochs
        self._live: Live | None = None
        self._next_refresh = 0.0
        self._printed = 0
        for run in runs:
            run.look(stopping=False)
        self._shown = {run.seed: _latest_evaluation(run) for run in runs}

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show a table while the block runs, where stderr is a terminal."""
        if not sys.stderr.isatty():
            yield
            return
        self._live = self._new_live()
        try:
            yield
        finally:
            self._live.stop()
            self._live = None

    def _new_live(self) -> Live:
        """Return a table that is on the screen until it is stopped."""
        from rich.live import Live

        # stdout is for the folders: rich would send it to stderr as well.
        live = Live(
            self._table(),
            console=console(),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start(refresh=True)
        return live

    def note(self, text: str) -> None:
        """Show a line."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False)
        else:
            click.echo(text, err=True)

    def show(self) -> None:
        """Show new evaluations, and the table four times a second."""
        for run in self.runs:
            for row in run.rows:
                if row["kind"] == "dev" and row["iteration"] > self._shown[run.seed]:
                    self._shown[run.seed] = row["iteration"]
                    self._evaluation(run, row)
        if self._live is not None and time.monotonic() >= self._next_refresh:
            self._live.update(self._table(), refresh=True)
            self._next_refresh = time.monotonic() + REFRESH_SECONDS

    def ended(self, run: SeedRun) -> None:
        """Tell of a failure at once; write the folders whose turn has come."""
        if run.state == "failed":
            self.note(f"seed {run.seed}: failed; the others go on")
        self.show()
        while self._printed < len(self.runs):
            run = self.runs[self._printed]
            if run.state in ("waiting", "running"):
                return
            self._printed += 1
            if run.state == "done":
                self._hand_out(run)

    def _hand_out(self, run: SeedRun) -> None:
        """Write a folder to stdout, with the table out of the way."""
        if self._live is not None:
            self._live.stop()
        try:
            click.echo(run.folder)
        except BrokenPipeError:  # its reader has seen enough: no reason to stop training
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, sys.stdout.fileno())
            os.close(nothing)
        if self._live is not None:
            self._live = self._new_live()  # one started again would wipe the line just written

    def _evaluation(self, run: SeedRun, row: Mapping[str, Any]) -> None:
        """Show an evaluation as a line, on a terminal only if it warns of something."""
        if self._live is None:
            facts = (
                form.format(row[name])
                for name, form in DEV_COLUMNS.items()
                if row.get(name) is not None
            )
            place = f"seed {run.seed}: epoch {row['epoch']:.2f} of {self.epochs:.4g}"
            self.note(f"{place}: {'  '.join(facts)}")
        if row.get("warning"):
            self.note(f"seed {run.seed}: {row['warning']}")

    def _table(self) -> Table:
        """Return a row for each run."""
        from rich.table import Table

        table = Table(box=None)
        for title in ("seed", "state", "epoch", "iteration", "train nats", "dev nats"):
            table.add_column(title, justify="left" if title == "state" else "right")
        for run in self.runs:
            last = run.rows[-1] if run.rows else None
            table.add_row(
                str(run.seed),
                run.state,
                f"{last['epoch'] if last else 0:.2f}/{self.epochs:.4g}",
                f"{last['iteration'] if last else 0:,}",
                *(_nats(run.last_row(kind)) for kind in ("train", "dev")),
            )
        return table


def _latest_evaluation(run: SeedRun) -> int:
    """Return the iteration of the newest evaluation in the log, -1 if there is none."""
    row = run.last_row("dev")
    return -1 if row is None else int(row["iteration"])


def _nats(row: Mapping[str, Any] | None) -> str:
    """Return the reconstruction's nats of a row, per sentence or image."""
    values = [row[name] for name in NATS if row.get(name) is not None] if row else []
    return f"{values[0]:.2f}" if values else ""
