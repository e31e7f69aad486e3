"""The identity of a run: its settings, corpus and precision, by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from arae_toolkit.config.overrides import Sections, to_dict
from arae_toolkit.errors import CheckpointMismatch
from arae_toolkit.storage.json_files import read_object

Identity = Mapping[str, str]

LENGTH = ("training.epochs", "training.iterations")
"""What an extended run may have otherwise than before."""
FORMERLY: Identity = {"encoder_optimizer": "sgd", "word_vectors": "none"}
"""What no setting says and earlier versions did otherwise, by the names that runs have for it."""
TASK = "task"
"""What only runs that transfer are identified by: one without it is of another task."""
_FINGERPRINT = re.compile("[0-9a-f]{64}")


def settings_identity(config: Sections) -> dict[str, str]:
    """Return every setting as JSON, by ``section.name``."""
    return {
        f"{section}.{key}": json.dumps(value)
        for section, part in to_dict(config).items()
        for key, value in part.items()
    }


def differences(
    there: Identity, here: Identity, *, defaults: Identity, besides: Sequence[str] = ()
) -> list[str]:
    """Return in words what differs between two runs.

    Args:
        there: Of the run that was saved.
        here: Of the run that is to go on from it.
        defaults: What a setting was before it existed: a run saved by an earlier version lacks it.
        besides: Names that may differ.

    Example:
        >>> differences({"epochs": "3"}, {"epochs": "3", "new": "0"}, defaults={"new": "0"})
        []
        >>> differences({"epochs": "3"}, {"epochs": "4"}, defaults={})
        ['epochs 3 there, 4 here']
    """
    saved = {**defaults, **there}
    names = [*here, *(name for name in (TASK,) if name in saved and name not in here)]
    return _changed(saved, here, [name for name in names if name not in besides])


def _changed(there: Identity, here: Identity, names: Iterable[str]) -> list[str]:
    """Return in words which of these names stand for something else in two runs."""
    return [
        f"{name} {_shown(there, name)} there, {_shown(here, name)} here"
        for name in names
        if there.get(name) != here.get(name)
    ]


def _shown(run: Identity, name: str) -> str:
    """Return what a run has by a name; of a fingerprint its beginning."""
    value = str(run.get(name, "unset"))
    return value[:12] if _FINGERPRINT.fullmatch(value) else value


def is_extension(
    there: Identity, here: Identity, *, batches_per_epoch: int, done: int, where: Path
) -> bool:
    """Return whether a run is longer than the finished one that it goes on from.

    Args:
        there: Of the run that was saved.
        here: Of the run that is to go on from it.
        batches_per_epoch: Iterations in one epoch of both.
        done: Iterations of the saved run that are done.
        where: What it was saved in, for messages.

    Raises:
        CheckpointMismatch: If their lengths differ, and the saved one is not finished or not
            shorter.
    """
    changed = _changed(there, here, [name for name in LENGTH if name in here])
    if not changed:
        return False
    lengths = []
    for run in (there, here):
        epochs, iterations = (int(json.loads(run.get(name, "0"))) for name in LENGTH)
        lengths.append(iterations or epochs * batches_per_epoch)
    if lengths[1] <= lengths[0]:
        raise CheckpointMismatch(
            f"{where}: saved by a run that is not shorter ({'; '.join(changed)}); name another "
            "folder with --out, or train for longer"
        )
    if done < lengths[0]:
        raise CheckpointMismatch(
            f"{where}: saved by a run that is not finished ({done:,} of {lengths[0]:,} iterations, "
            f"{'; '.join(changed)}); finish it with its own settings, then extend it"
        )
    return True


def check_folder(
    path: Path,
    identity: Identity,
    *,
    defaults: Identity,
    besides: Sequence[str] = (),
    option: str = "--out",
) -> None:
    """Refuse a folder that holds a model of another run.

    Args:
        path: The configuration in the folder; where there is none, nothing is refused.
        identity: Of the run that is to be kept there.
        defaults: As for :func:`differences`.
        besides: As for :func:`differences`.
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
    different = differences(there, identity, defaults=defaults, besides=besides)
    if different:
        raise CheckpointMismatch(
            f"{path.parent}: holds a run with other settings ({'; '.join(different[:3])}); name "
            f"another folder with {option}, or use those settings"
        )
