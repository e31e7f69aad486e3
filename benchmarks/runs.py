"""Trained run folders: which corpus they belong to, how they were trained, and their log."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arae_toolkit.benchmarks.common import Setting
from arae_toolkit.config.overrides import from_dict, to_dict
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.config.schema import Config
from arae_toolkit.data.corpus import Corpus
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.models.arae import ARAE
from arae_toolkit.models.model_folder import CONFIG
from arae_toolkit.training.metrics_log import METRICS, read_rows


def run_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a trained run.

    Raises:
        CheckpointMismatch: If the folder holds a model that ``pretrain`` did not train.
    """
    path = folder / CONFIG
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    missing = [part for part in ("run", "settings", "corpus") if part not in config]
    if missing:
        raise CheckpointMismatch(f"{path}: no {missing[0]!r}; not a run of arae-toolkit pretrain")
    return config


def trained_model(here: Setting, folder: Path, corpus: Corpus) -> ARAE:
    """Return the model of a run, on the device of a measurement.

    Args:
        here: Where to compute.
        folder: Of the run.
        corpus: What the model is to be measured on.

    Raises:
        CheckpointMismatch: If the run was trained on another corpus.
    """
    trained_on = run_config(folder)["corpus"]
    if corpus.sha256 != trained_on["sha256"]:
        raise CheckpointMismatch(
            f"{folder}: trained on another {trained_on['name']} than {corpus.folder} holds; "
            "name its corpus with --corpus"
        )
    return ARAE.from_pretrained(folder, device=here.device)


def training_command(config: Mapping[str, Any]) -> str:
    """Return the shortest ``arae-toolkit pretrain`` line that trains a run with these settings."""
    corpus, run = config["corpus"]["name"], config["run"]
    kind = run["model"]
    settings = to_dict(from_dict(config["settings"]))
    # Nearest preset first; of equally near ones, the first in the list.
    name, changes = min(
        ((name, _changes(settings, preset(name, corpus=corpus, kind=kind))) for name in PRESETS),
        key=lambda candidate: len(candidate[1]),
    )
    words = ["arae-toolkit", "pretrain", corpus]
    if kind != "arae":
        words += ["--model", kind]
    if name != "default":
        words += ["--preset", name]
    if run["precision"] != "fp32":
        words += ["--precision", run["precision"]]
    for key, value in changes.items():
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def log_rows(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return the ``train`` or ``dev`` rows that a run has logged; none if there is no log."""
    path = folder / METRICS
    if not path.exists():
        return []
    return [row for row in read_rows(path) if row["kind"] == kind]


def _changes(settings: Mapping[str, Any], preset_config: Config) -> dict[str, Any]:
    """Return the settings that differ from a preset's."""
    base = to_dict(preset_config)
    return {
        key: value
        for section, part in settings.items()
        for key, value in part.items()
        if value != base[section][key]
    }
