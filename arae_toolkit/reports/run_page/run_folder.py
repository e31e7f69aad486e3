"""Run folders: how a run was trained, as far as its folder knows it, and its sizes."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from arae_toolkit.config.model_kinds import KINDS
from arae_toolkit.config.overrides import from_dict, to_dict
from arae_toolkit.config.presets import PRESETS, preset
from arae_toolkit.config.schema import Config
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.json_files import read_object

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def config_of(folder: Path) -> dict[str, Any]:
    """Return the configuration of a model folder.

    Raises:
        CheckpointMismatch: If it has none, or a damaged one.
    """
    try:
        return read_object(folder / CONFIG)
    except (OSError, ValueError) as error:
        raise CheckpointMismatch(f"{folder / CONFIG}: cannot be read ({error})") from error


def run_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a run of ``pretrain``, by settings of :class:`Config`.

    Raises:
        CheckpointMismatch: If the folder holds a model that ``pretrain`` did not train.
    """
    config = config_of(folder)
    missing = [part for part in ("run", "settings", "corpus") if part not in config]
    if missing:
        raise CheckpointMismatch(
            f"{folder / CONFIG}: no {missing[0]!r}; not a run of arae-toolkit pretrain"
        )
    return config


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting that a run of any kind was trained with, by ``section.name``."""
    run = config.get("run")
    named = run.items() if isinstance(run, dict) else ()
    return {name: _value(text) for name, text in named if "." in name}


def training_command(config: Mapping[str, Any]) -> str | None:
    """Return the shortest ``arae-toolkit pretrain`` line that trains a run with these settings.

    Returns:
        ``None`` for a kind of model whose settings are not those of :class:`Config`.
    """
    run = config.get("run")
    if not isinstance(run, dict) or run.get("model") not in KINDS:
        return None
    if "settings" not in config or "corpus" not in config:
        return None
    corpus, kind = config["corpus"].get("file") or config["corpus"]["name"], run["model"]
    transfer = run.get("task") == "transfer"
    settings = to_dict(from_dict(config["settings"]))
    # Nearest preset first; of equally near ones, the first in the list.
    name, changes = min(
        (
            (name, _changes(settings, preset(name, corpus=corpus, kind=kind, transfer=transfer)))
            for name in PRESETS
        ),
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


def parameters_of(folder: Path) -> dict[str, int]:
    """Return how many numbers each part of a model's weights holds, by the part's name.

    The header of the file is read, and no weight.

    Raises:
        CheckpointMismatch: If the file is missing or damaged.
    """
    path = folder / WEIGHTS
    found: dict[str, int] = {}
    try:
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118 - no mapping
                part = name.partition(".")[0]
                size = math.prod(file.get_slice(name).get_shape())
                found[part] = found.get(part, 0) + size
    except (OSError, SafetensorError) as error:
        raise CheckpointMismatch(f"{path}: cannot be read ({error})") from error
    return found


def file_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each file of a folder and of the folders in it, by its path there."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def _value(text: Any) -> Any:
    """Return a setting out of a run's identity, which holds it as JSON."""
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return text


def _changes(settings: Mapping[str, Any], preset_config: Config) -> dict[str, Any]:
    """Return the settings that differ from a preset's."""
    base = to_dict(preset_config)
    return {
        key: value
        for section, part in settings.items()
        for key, value in part.items()
        if value != base[section][key]
    }
