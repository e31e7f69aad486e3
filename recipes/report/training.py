"""What every run folder knows: how it was made, its settings, its curves and its sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arae_toolkit.recipes.shared.progress import duration
from arae_toolkit.reports.run_page.line_chart import line_chart
from arae_toolkit.reports.run_page.run_folder import (
    file_sizes,
    parameters_of,
    settings_of,
    training_command,
)
from arae_toolkit.storage.html_page import charts, facts, folded, heading, note, table
from arae_toolkit.training.metrics_log import METRICS, read_rows
from arae_toolkit.version import __version__, own_version

if TYPE_CHECKING:
    from arae_toolkit.data.corpus import Corpus

Rows = Sequence[Mapping[str, Any]]
Logs = Mapping[str, Rows]
"""The rows of each member's log; a run of one model has one member, without a name."""

PLAIN = {
    "arae": "ARAE",
    "ae": "Autoencoder",
    "aae": "Adversarial autoencoder",
    "vae": "Variational autoencoder",
    "wae": "Wasserstein autoencoder",
    "language-model": "Language model",
}
FOLDERS = {
    "transfer": "Autoencoder that transfers",
    "cross-aligned": "Cross-aligned autoencoder, which transfers",
    "infilling": "Infilling model, which transfers",
    "delete-and-replace": "Deleting and replacing, which transfers",
    "pairs": "Classifier of sentence pairs",
    "pair-ensemble": "Classifiers of sentence pairs",
}
CHARTS: Sequence[tuple[str, Sequence[tuple[str, str, str]]]] = (
    (
        "nats per sentence",
        (("train", "train", "nats_per_sentence"), ("dev", "dev", "nats_per_sentence")),
    ),
    ("nats per image", (("train", "train", "nats_per_image"), ("dev", "dev", "nats_per_image"))),
    (
        "right on dev, percent",
        (
            ("tokens", "dev", "token_accuracy"),
            ("pixels", "dev", "pixel_accuracy"),
            ("whole sentences", "dev", "exact"),
        ),
    ),
    (
        "mean norm",
        (("codes", "dev", "code_norm"), ("generated codes", "dev", "generated_norm")),
    ),
    (
        "summed variance",
        (("codes", "dev", "code_variance"), ("generated codes", "dev", "generated_variance")),
    ),
    (
        "cosine of codes",
        (
            ("near neighbours", "dev", "neighbour_cosine"),
            ("random pairs", "dev", "random_cosine"),
        ),
    ),
    (
        "estimated Wasserstein distance",
        (("train", "train", "wasserstein"), ("dev", "dev", "wasserstein")),
    ),
    ("distinct among samples, percent", (("samples", "dev", "unique_samples"),)),
)
"""Title, and for each line its name, the kind of its rows, and what they call it."""
NO_CURVES = (*("iteration", "epoch", "seconds", "sentences", "images"), "nats_per_pixel")


def title_of(folder: Path) -> str:
    """Return what a page is called: after its run, and a seed's after the run of several as well.

    Example:
        >>> title_of(Path("/runs/reviews")), title_of(Path("/runs/nli-tiny/seed-0"))
        ('Run reviews', 'Run nli-tiny/seed-0')
    """
    where = folder.resolve()
    parts = where.parts[-2:] if where.name.startswith("seed-") else (where.name,)
    return f"Run {'/'.join(parts)}"


def lead_of(config: Mapping[str, Any], corpus: Corpus | None) -> str:
    """Return in a sentence what a run is, and on what it is shown."""
    kind, run = config.get("kind"), config.get("run") or {}
    what = PLAIN.get(run.get("model", "")) if kind in ("text", "image") else None
    what = what or FOLDERS.get(str(kind), f"Model of the kind {kind}")
    if corpus is None:
        return f"{what}. Its corpus is not at hand, so less is shown."
    if sha256_of(config) in (None, corpus.sha256):
        return f"{what}, trained on {corpus.name}."
    return f"{what}, shown on {corpus.name}, which is not what it was trained on."


def sha256_of(config: Mapping[str, Any]) -> str | None:
    """Return the fingerprint of the corpus that a run was trained on, if its folder tells."""
    found = (config.get("corpus") or {}).get("sha256", (config.get("run") or {}).get("corpus"))
    return found if isinstance(found, str) else None


def members_of(folder: Path, config: Mapping[str, Any]) -> dict[str, Path]:
    """Return the folders of a run's models: its own, or those of an ensemble by their names."""
    if config.get("kind") != "pair-ensemble":
        return {"": folder}
    from arae_toolkit.nli.model import member_names

    return {name: folder / name for name in member_names(folder) or ()}


def made(folder: Path, config: Mapping[str, Any], rows: Rows, corpus: Corpus | None) -> list[str]:
    """Return how a run was made, and what has made the page of it."""
    trained_on, run = config.get("corpus") or {}, config.get("run") or {}
    how, last = config.get("made") or {}, rows[-1] if rows else {}
    sha256 = sha256_of(config)
    known = corpus is not None and corpus.sha256 == sha256
    spent = last.get("seconds")
    entries = {
        "command": training_command(config),
        "corpus": trained_on.get("name") or (corpus.name if known and corpus else None),
        "training rows": f"{corpus.rows('train'):,}" if known and corpus else None,
        "corpus, SHA-256": sha256,
        "outside weights": _outside(config),
        "seed": settings_of(config).get("training.seed"),
        "precision": run.get("precision"),
        "device": how.get("device"),
        "commit": how.get("commit"),
        "version": config.get("toolkit"),
        "trained for": None if spent is None else duration(spent),
        "epochs": last.get("epoch"),
        "iterations": last.get("iteration"),
        "weights, SHA-256": _joined(config.get("weights_sha256")),
        "this page": f"arae-toolkit {__version__}, commit {own_version()}",
    }
    return [facts(entries, code=("command", "corpus, SHA-256", "commit", "weights, SHA-256"))]


def settings_table(config: Mapping[str, Any]) -> list[str]:
    """Return every setting, folded away."""
    rows = [[name, json.dumps(value)] for name, value in settings_of(config).items()]
    return [folded(f"{len(rows)} settings", table(["setting", "value"], rows, texts=True))] * bool(
        rows
    )


def curves(logs: Logs) -> list[str]:
    """Return a chart of each thing that the logs hold, and the last warning if there is one."""
    drawn = [_chart(logs, title, lines) for title, lines in CHARTS]
    listed = {key for _, lines in CHARTS for _, _, key in lines}
    evaluations = [row for rows in logs.values() for row in rows if row.get("kind") == "dev"]
    others = dict.fromkeys(key for row in evaluations for key, value in row.items() if _real(value))
    if "nats_per_sentence" in others:
        listed.add("nats_per_token")
    for key in others:
        if key not in listed and key not in NO_CURVES:
            lines = (("train", "train", key), ("dev", "dev", key))
            drawn.append(_chart(logs, key.replace("_", " "), lines))
    warning = evaluations[-1].get("warning") if evaluations else None
    told = [note(f"At the last evaluation: {warning}")] if warning else []
    return [*told, charts([chart for chart in drawn if chart])]


def sizes(members: Mapping[str, Path], folder: Path) -> list[str]:
    """Return how many parameters each part has, and the bytes of each file."""
    blocks = []
    for name, place in members.items():
        if name:
            blocks.append(heading(name))
        parts = parameters_of(place)
        rows: list[list[object]] = [[part, count] for part, count in parts.items()]
        blocks.append(table(["part", "parameters"], [*rows, ["all", sum(parts.values())]]))
    files: list[list[object]] = [[path, size] for path, size in file_sizes(folder).items()]
    total = sum(file_sizes(folder).values())
    return [
        *blocks,
        folded(f"{len(files)} files, {total:,} bytes", table(["file", "bytes"], files)),
    ]


def logs_of(members: Mapping[str, Path]) -> dict[str, Rows]:
    """Return the log of each member."""
    return {name: read_rows(place / METRICS) for name, place in members.items()}


def _chart(logs: Logs, title: str, lines: Sequence[tuple[str, str, str]]) -> str:
    drawn = {}
    for member, rows in logs.items():
        for name, kind, key in lines:
            points = [
                (float(row["epoch"]), float(row[key]))
                for row in rows
                if row.get("kind") == kind and _real(row.get(key)) and _real(row.get("epoch"))
            ]
            drawn[f"{member} {name}".strip()] = points
    return line_chart(title, drawn, along="epochs")


def _outside(config: Mapping[str, Any]) -> str | None:
    """Return whose weights a classifier reads by, and what they have seen; none of others."""
    about = config.get("outside")
    return None if about is None else f"{about['name']}; {about['seen']}"


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
