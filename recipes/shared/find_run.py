"""The folder of a run, found by name or path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arae_toolkit.errors import NotFound
from arae_toolkit.storage.paths import is_plain_name, run_folder


def find_run(
    name_or_path: str, *, prefixes: Sequence[str] = ("",), advice: str | None = None
) -> Path:
    """Return the model folder of a run: ``snli`` means ``runs/snli``; a path is taken as it is.

    Args:
        name_or_path: What the user calls the run.
        prefixes: What may stand before the name in the folder's, the likeliest first.
        advice: What makes such a run; by default, how to pretrain one.

    Raises:
        NotFound: If there is no model; the message names every place looked at.
    """
    is_name = is_plain_name(name_or_path)
    candidates = [run_folder(prefix + name_or_path) for prefix in prefixes] if is_name else []
    candidates.append(Path(name_or_path))
    for folder in candidates:
        if (folder / "config.json").is_file():
            return folder
    looked = " and ".join(str(folder / "config.json") for folder in candidates)
    if advice is None:
        advice = f"arae-toolkit pretrain {name_or_path if is_name else 'CORPUS'}"
    raise NotFound(
        f"no trained model {name_or_path!r}: looked for {looked}",
        hint=f"train one with {advice!r}, or see 'arae-toolkit runs' for those that there are",
    )
