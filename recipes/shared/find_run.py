"""The folder of a run, found by name or path; and what there is instead where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from arae_toolkit.errors import NotFound, ToolkitError
from arae_toolkit.storage.paths import is_plain_name, run_folder, runs_folder

CONFIG = "config.json"
MOST_NAMED = 5


def find_run(
    name_or_path: str, *, prefixes: Sequence[str] = ("",), advice: str | None = None
) -> Path:
    """Return the model folder of a run: ``snli`` means ``runs/snli``; a path is taken as it is.

    Args:
        name_or_path: What the user calls the run.
        prefixes: What may stand before the name in the folder's, the likeliest first.
        advice: What makes such a run; by default, how to pretrain one.

    Raises:
        NotFound: If there is no model; the message names every place looked at, and the models
            that may be meant.
    """
    is_name = is_plain_name(name_or_path)
    candidates = [run_folder(prefix + name_or_path) for prefix in prefixes] if is_name else []
    candidates.append(Path(name_or_path))
    for folder in candidates:
        if (folder / CONFIG).is_file():
            return folder
    refuse_folders_of_models(candidates)
    looked = " and ".join(str(folder / CONFIG) for folder in candidates)
    raise NotFound(
        f"no trained model {name_or_path!r}: looked for {looked}",
        hint=_way_out(name_or_path, prefixes, advice),
    )


def run_names() -> list[str]:
    """Return the names of the runs that there are."""
    return _by_number(path.parent.name for path in runs_folder().glob(f"*/{CONFIG}"))


def refuse_folders_of_models(folders: Sequence[Path]) -> None:
    """Refuse folders without a model where one holds models, such as those of several seeds.

    Raises:
        NotFound: Of the first that does; the message names its models.
    """
    for folder in folders:
        if models := models_in(folder):
            raise NotFound(
                f"no model itself, but a folder of the models {_listed(models)}",
                path=folder,
                hint=f"name one of them, such as {folder / models[0]}",
            )


def models_in(folder: Path) -> list[str]:
    """Return the models in a folder, or one deeper, by their paths in it."""
    with suppress(OSError, ValueError):
        for pattern in (f"*/{CONFIG}", f"*/*/{CONFIG}"):
            found = [path.parent.relative_to(folder).as_posix() for path in folder.glob(pattern)]
            if found:
                return _by_number(found)
    return []


def _way_out(name: str, prefixes: Sequence[str], advice: str | None) -> str:
    """Return what to do where a run is missing."""
    names = run_names()
    seeds = [one for one in names if one.startswith(tuple(f"{p}{name}-seed-" for p in prefixes))]
    if seeds:
        return f"of several seeds there are {_listed(seeds)}: name one of them"
    if advice is None and _is_corpus(name):
        return f"'arae-toolkit pretrain {name}' trains one" + (
            ", or see 'arae-toolkit runs' for those that there are" if names else ""
        )
    wanted = [prefix + name for prefix in prefixes]
    if nearest := [near for each in wanted for near in get_close_matches(each, names, n=1)]:
        return f"did you mean {nearest[0]!r}?"
    from arae_toolkit.data_prep.options import CORPORA

    how = advice or "arae-toolkit pretrain CORPUS"
    corpora = "" if advice else f" on {', '.join(CORPORA)}, or a file of your own"
    there = f"are {_listed(names)} (see 'arae-toolkit runs')" if names else "are no runs yet"
    return f"there {there}, and {how!r} trains one{corpora}"


def _is_corpus(name: str) -> bool:
    """Return whether a name is that of a corpus, or of a file that may be one."""
    from arae_toolkit.data_prep.options import CORPORA
    from arae_toolkit.data_prep.preparation import prepared_folder

    if name in CORPORA or Path(name).is_file():
        return True
    with suppress(ToolkitError):  # no cache is known
        return prepared_folder(name) is not None
    return False


def _listed(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _by_number(names: Iterable[str]) -> list[str]:
    """Return names in order, ``seed-2`` before ``seed-10``."""
    digits = re.compile(r"(\d+)")
    return sorted(
        names,
        key=lambda name: [part.zfill(9) if part.isdigit() else part for part in digits.split(name)],
    )


def name_and_run(word: str) -> tuple[str, str]:
    """Return the two parts of ``[NAME=]RUN``; the name is empty where there is none.

    Example:
        >>> name_and_run("AE=runs/snli-ae"), name_and_run("snli")
        (('AE', 'runs/snli-ae'), ('', 'snli'))
    """
    name, equals, run = word.partition("=")
    return (name, run) if equals and not Path(word).exists() else ("", word)
