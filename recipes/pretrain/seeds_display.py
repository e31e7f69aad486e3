"""Shows several training runs on stderr: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from arae_toolkit.recipes.shared.progress import console, say
from arae_toolkit.recipes.shared.standard_streams import silence_stdout
from arae_toolkit.recipes.shared.training_display import DEV_COLUMNS, facts_of

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from arae_toolkit.recipes.pretrain.seeds import SeedRun

NATS = ("nats_per_sentence", "nats_per_image")


class SeveralDisplay:
    """Shows how runs are getting on, and hands out the folders of the finished ones.

    Those go to stdout, in the order of the runs: each as soon as it and all before it are over.

    Args:
        runs: What is trained. What they have logged before is not shown again.
        epochs: Of each run.
    """

    def __init__(self, runs: Sequence[SeedRun], *, epochs: float) -> None:
        self.runs, self.epochs = runs, epochs
        self._live: Live | None = None
        self._printed = 0
        for run in runs:
            run.look()
        self._shown = {
            run.seed: (run.last_row("dev") or {"iteration": -1})["iteration"] for run in runs
        }

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show a table while the block runs, where stderr is a terminal."""
        if sys.stderr.isatty():
            self._live = self._new_live()
        try:
            yield
        finally:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def _new_live(self) -> Live:
        """Return a table that is on the screen until it is stopped, renewed four times a second."""
        from rich.live import Live

        # stdout is for the folders: rich would send it to stderr as well.
        own: dict[str, Any] = {"redirect_stdout": False, "redirect_stderr": False}
        live = Live(get_renderable=self._table, console=console(), transient=True, **own)
        live.start(refresh=True)
        return live

    def show(self) -> None:
        """Show new evaluations as lines, on a terminal only what they warn of."""
        for run in self.runs:
            for row in run.rows:
                if row["kind"] == "dev" and row["iteration"] > self._shown[run.seed]:
                    self._shown[run.seed] = row["iteration"]
                    if self._live is None:
                        place = f"seed {run.seed}: epoch {row['epoch']:.2f} of {self.epochs:.4g}"
                        say(f"{place}: {facts_of(row, DEV_COLUMNS)}")
                    if row.get("warning"):
                        say(f"seed {run.seed}: {row['warning']}")

    def ended(self, run: SeedRun) -> None:
        """Tell of a failure at once; write the folders whose turn has come."""
        if run.state == "failed":
            say(f"seed {run.seed}: failed; the others go on")
        self.show()
        for run in self.runs[self._printed :]:
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
        except OSError:  # nobody reads, or the disk is full: no reason to stop training
            silence_stdout()
        if self._live is not None:
            self._live = self._new_live()  # one started again would wipe the line just written

    def _table(self) -> Table:
        """Return a row for each run."""
        from rich.table import Table

        table = Table(box=None)
        for title in ("seed", "state", "epoch", "iteration", "train nats", "dev nats"):
            table.add_column(title, justify="left" if title == "state" else "right")
        for run in self.runs:
            last = run.rows[-1] if run.rows else {"epoch": 0, "iteration": 0}
            table.add_row(
                str(run.seed),
                run.state,
                f"{last['epoch']:.2f}/{self.epochs:.4g}",
                f"{last['iteration']:,}",
                *(_nats(run.last_row(kind) or {}) for kind in ("train", "dev")),
            )
        return table


def _nats(row: Mapping[str, Any]) -> str:
    """Return the reconstruction's nats of a row, per sentence or image."""
    values = [row[name] for name in NATS if row.get(name) is not None]
    return f"{values[0]:.2f}" if values else ""
