"""The identity of a run: its settings, corpus and precision, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from arae_toolkit.config.overrides import Sections, to_dict
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.json_files import read_object

Identity = Mapping[str, str]

FORMERLY: Identity = {"encoder_optimizer": "sgd", "word_vectors": "none"}
"""What no setting says and earlier versions did otherwise, by the names that runs have for it."""


def settings_identity(config: Sections) -> dict[str, str]:
    """Return every setting as JSON, by ``section.name``."""
    return {
        f"{section}.{key}": json.dumps(value)
        for section, part in to_dict(config).items()
        for key, value in part.items()
    }


def differences(there: Identity, here: Identity, *, defaults: Identity) -> list[str]:
    """Return in words what differs between two runs.

    Args:
        there: Of the run that was saved.
        here: Of the run that is to go on from it.
        defaults: What a setting was before it existed: a run saved by an earlier version lacks it.

    Example:
        >>> differences({"epochs": "3"}, {"epochs": "3", "new": "0"}, defaults={"new": "0"})
        []
        >>> differences({"epochs": "3"}, {"epochs": "4"}, defaults={})
        ['epochs 3 there, 4 here']
    """
    saved = {**defaults, **there}
    return [
        f"{name} {saved.get(name, 'unset')} there, {value} here"
        for name, value in here.items()
        if saved.get(name) != value
    ]


def check_folder(
    path: Path, identity: Identity, *, defaults: Identity, option: str = "--out"
) -> None:
    """Refuse a folder that holds a model of another run.

    Args:
        path: The configuration in the folder; where there is none, nothing is refused.
        identity: Of the run that is to be kept there.
        defaults: As for :func:`differences`.
        option: What names the folder on a command line.

    Raises:
        CheckpointMismatch: Naming the settings that differ.
    """
    if not path.exists():
        return
    try:
        there = dict(read_object(path)["run"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointMismatch(
            f"{path}: not the configuration of a run; name another folder with {option}"
        ) from error
    different = differences(there, identity, defaults=defaults)
    if different:
        raise CheckpointMismatch(
            f"{path.parent}: holds a run with other settings ({'; '.join(different[:3])}); name "
            f"another folder with {option}, or use those settings"
        )
