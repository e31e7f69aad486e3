"""Runs on disk, as their files tell of them: model, corpus, settings and curves."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.json_files import read_object
from arae_toolkit.storage.paths import is_plain_name
from arae_toolkit.training.metrics_log import METRICS, read_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CONFIG = "config.json"
_NO_CURVES = ("iteration", "epoch", "seconds")
"""Numbers of a row that say where it stands, and measure nothing."""
Table = list[list[str]]
"""Rows of cells, titles first."""


@dataclass(frozen=True)
class RunRecord:
    """What the files of a run tell.

    Attributes:
        name: Of its folder.
        folder: Where it lies.
        kind: Of the model, such as ``arae`` or ``transfer arae``.
        corpus: Its name, or the beginning of its fingerprint.
        precision: Of matrix products; empty where it is not recorded.
        settings: By ``section.name``.
        iteration: Iterations that are logged.
        epochs: The same in epochs.
        dev: The rows of its evaluations on dev.
        bytes: Of all its files.
        changed: When a file of it changed last.
    """

    name: str
    folder: Path
    kind: str
    corpus: str
    precision: str
    settings: Mapping[str, Any]
    iteration: int
    epochs: float
    dev: Sequence[Mapping[str, Any]] = field(repr=False)
    bytes: int
    changed: datetime

    def summary(self) -> dict[str, Any]:
        """Return what a list shows, ready for JSON; ``dev`` holds the numbers of its last row."""
        return {
            "name": self.name,
            "folder": str(self.folder),
            "kind": self.kind,
            "corpus": self.corpus,
            "iteration": self.iteration,
            "epochs": self.epochs,
            "dev": figures_of(self.dev[-1]) if self.dev else {},
            "bytes": self.bytes,
            "changed": self.changed.isoformat(timespec="seconds"),
        }


def read_run(folder: Path) -> RunRecord:
    """Return what a run's files tell.

    Raises:
        CheckpointMismatch: If there is no configuration of a model, or it is damaged.
    """
    try:
        config = read_object(folder / CONFIG)
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(f"{folder / CONFIG}: no configuration of a model") from error
    named = config.get("members")
    if members := [n for n in named if is_plain_name(n)] if isinstance(named, list) else []:
        return _read_members(folder, members)
    facts, corpus = (dict(_object(config.get(name))) for name in ("run", "corpus"))
    rows: list[dict[str, Any]] = []
    with suppress(OSError):
        rows = read_rows(folder / METRICS)
    kind = str(facts.get("model") or config.get("kind") or "unknown")
    last = rows[-1] if rows else {}
    sizes = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return RunRecord(
        name=folder.resolve().name,
        folder=folder,
        kind=f"transfer {kind}" if facts.get("task") == "transfer" else kind,
        corpus=str(corpus.get("name") or str(facts.get("corpus", ""))[:8]),
        precision=str(facts.get("precision", "")),
        settings=_settings(facts),
        iteration=int(last.get("iteration", 0)),
        epochs=float(last["epoch"]) if "epoch" in figures_of(last, but=()) else 0.0,
        dev=[
            row for row in rows if row.get("kind") == "dev" and "epoch" in figures_of(row, but=())
        ],
        bytes=sum(size.st_size for size in sizes),
        changed=datetime.fromtimestamp(max(size.st_mtime for size in sizes)).astimezone(),
    )


def _read_members(folder: Path, members: Sequence[str]) -> RunRecord:
    """Return what the files of an average of runs tell: those of the first, and their number."""
    first = read_run(folder / members[0])
    sizes = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return replace(
        first,
        name=folder.resolve().name,
        folder=folder,
        kind=f"{first.kind}, {len(members)} averaged" if len(members) > 1 else first.kind,
        bytes=sum(size.st_size for size in sizes),
        changed=datetime.fromtimestamp(max(size.st_mtime for size in sizes)).astimezone(),
    )


def figures_of(row: Mapping[str, Any], but: Collection[str] = _NO_CURVES) -> dict[str, float]:
    """Return the measurements in a row of ``metrics.jsonl``, by name.

    Args:
        row: The row.
        but: Numbers that are none.
    """
    return {
        name: value
        for name, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in but
        # Integers without bound are JSON, and no measurement.
        if isinstance(value, float) or abs(value) <= sys.float_info.max
    }


def differences_table(runs: Sequence[RunRecord]) -> Table:
    """Return the facts and settings in which runs differ, a column for each."""
    facts: list[dict[str, Any]] = [
        {
            "model": run.kind,
            "corpus": run.corpus,
            "precision": run.precision,
            **{name.partition(".")[2]: value for name, value in run.settings.items()},
        }
        for run in runs
    ]
    names = dict.fromkeys(name for one in facts for name in one)
    shown = [[name, *(_cell(one.get(name)) for one in facts)] for name in names]
    return [["setting", *labels(runs)], *(row for row in shown if len(set(row[1:])) > 1)]


def last_table(runs: Sequence[RunRecord]) -> Table:
    """Return the last figures on dev of each run."""
    last = [figures_of(run.dev[-1]) if run.dev else {} for run in runs]
    names = dict.fromkeys(name for figures in last for name in figures)
    return [
        ["dev, last", *labels(runs)],
        ["epochs", *(f"{run.epochs:g}" for run in runs)],
        *([name, *(_cell(figures.get(name)) for figures in last)] for name in names),
    ]


def curve_table(runs: Sequence[RunRecord], metric: str) -> Table:
    """Return a figure on dev of each run over the epochs."""
    curves = [{row["epoch"]: row.get(metric) for row in run.dev} for run in runs]
    epochs = sorted({epoch for curve in curves for epoch in curve})
    return [
        [f"epoch: {metric}", *labels(runs)],
        *([f"{epoch:g}", *(_cell(curve.get(epoch)) for curve in curves)] for epoch in epochs),
    ]


def common_metrics(runs: Sequence[RunRecord]) -> list[str]:
    """Return the figures that every run measures on dev, in the order of the first run's."""
    sets = [{name for row in run.dev for name in figures_of(row)} for run in runs]
    shared = set.intersection(*sets) if sets else set()
    first = next((run.dev for run in runs if run.dev), [])
    return [name for name in (figures_of(first[-1]) if first else {}) if name in shared]


def draw_curves(runs: Sequence[RunRecord], metrics: Sequence[str]) -> Figure:
    """Return a plot of figures on dev over the epochs, a panel each."""
    from matplotlib.figure import Figure

    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.0 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel in panels[len(metrics) :]:
        panel.set_visible(False)
    for metric, panel in zip(metrics, panels, strict=False):
        for label, run in zip(labels(runs), runs, strict=True):
            points = [(row["epoch"], row[metric]) for row in run.dev if row.get(metric) is not None]
            panel.plot(*zip(*points, strict=True), "o-", markersize=3, label=label)
        panel.set_title(metric, fontsize=10)
        panel.set_xlabel("epochs")
    panels[0].legend(fontsize=8)
    return figure


def labels(runs: Sequence[RunRecord]) -> list[str]:
    """Return the runs' names, whole paths where two are alike."""
    names = [run.name for run in runs]
    return [run.name if names.count(run.name) == 1 else str(run.folder) for run in runs]


def _settings(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in a run's identity."""
    found = {}
    for name, text in facts.items():
        if name.startswith(("model.", "training.")) and isinstance(text, str):
            with suppress(ValueError):
                found[name] = json.loads(text)
    return found


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
